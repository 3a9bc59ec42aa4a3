import { expect, test } from 'vitest'
import { findObstacle } from './device.ts'
import type { EngineNode } from './engine-types.ts'

function node(swarm: Partial<EngineNode['Swarm']>, LiveRestoreEnabled = false): EngineNode {
  const Swarm = { NodeID: 'me', NodeAddr: '192.0.2.1', LocalNodeState: 'active' }
  return { LiveRestoreEnabled, Swarm: { ...Swarm, ControlAvailable: false, ...swarm } }
}

test.each([
  ['no swarm yet', node({ LocalNodeState: 'inactive' })],
  ['a swarm that this node manages', node({ ControlAvailable: true })],
])('%s is no obstacle', (_what, found) => {
  expect(findObstacle(found)).toBeUndefined()
})

test.each([
  ['live-restore', node({ ControlAvailable: true }, true), /live-restore/],
  ['a locked swarm', node({ LocalNodeState: 'locked' }), /unlock/],
  ['a worker', node({ RemoteManagers: [{ NodeID: 'another' }] }), /node promote.*swarm leave/],
  ['a broken swarm', node({ LocalNodeState: 'error', Error: 'no disk' }), /log of dockerd/],
])('%s is one that a person can mend', (_what, found, remedy) => {
  expect(findObstacle(found)?.remedy).toMatch(remedy)
})

test.each([
  ['that has just started', node({ LocalNodeState: 'pending' })],
  ['whose manager is not up yet', node({ RemoteManagers: [{ NodeID: 'me' }] })],
])('a swarm %s only takes time', (_what, found) => {
  expect(findObstacle(found)).toEqual({ message: "this node's swarm is starting" })
})
