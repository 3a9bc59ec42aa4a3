import { describe, expect, test } from 'vitest'
import type { InspectedContainer, SwarmTask } from './engine-types.ts'
import { reword, type TaskEvidence, toObservedTask } from './observe-task.ts'

const HERE = 'node-here'
const STARTED = '2026-01-01T00:00:00.5Z'

function container(state: Partial<InspectedContainer['State']> = {}): InspectedContainer {
  return {
    Id: 'c'.repeat(64),
    State: {
      Status: 'running',
      Running: true,
      Pid: 7,
      ExitCode: 0,
      OOMKilled: false,
      Error: '',
      StartedAt: STARTED,
      ...state,
    },
    NetworkSettings: {},
  }
}

const ended = (state: Partial<InspectedContainer['State']> = {}): InspectedContainer =>
  container({ Status: 'exited', Running: false, Pid: 0, ExitCode: 3, ...state })

function swarmTask(status: SwarmTask['Status'], node: string = HERE): SwarmTask {
  return { ID: 't', CreatedAt: STARTED, NodeID: node, Status: status, Spec: {} }
}

function observe(evidence: Partial<TaskEvidence>) {
  return toObservedTask({
    uid: 'u',
    swarmTasks: [],
    container: undefined,
    exit: undefined,
    address: undefined,
    lastLines: '',
    restarts: 0,
    localNode: HERE,
    ...evidence,
  })
}

describe('a container that runs', () => {
  test.each([
    [undefined, 'running', ''],
    [{ Status: 'none' }, 'running', ''],
    [{ Status: 'healthy' }, 'running', ''],
    [{ Status: 'starting' }, 'starting', 'waits for its health check'],
    [
      { Status: 'unhealthy', Log: [{ ExitCode: 1, Output: 'no page\n' }] },
      'unhealthy',
      'its health check fails: no page',
    ],
  ])('with health %j is %s', (Health, state, message) => {
    const observed = observe({ container: container({ Health }), address: '172.30.0.9' })
    expect(observed).toMatchObject({ state, message, address: '172.30.0.9', engineNode: HERE })
    expect(observed.incarnation).toContain(STARTED)
  })

  test('counts as ended when containerd said so, whatever Docker still believes', () => {
    const observed = observe({
      container: container(),
      exit: { exitCode: 137 },
      address: '172.30.0.9',
      swarmTasks: [swarmTask({ State: 'running' })],
    })
    expect(observed).toEqual({
      uid: 'u',
      restarts: 0,
      state: 'exited',
      message: 'exited with code 137',
      exitCode: 137,
      engineNode: HERE,
    })
  })

  test('is another incarnation when the same container is started again', () => {
    const first = observe({ container: container() }).incarnation
    const second = observe({ container: container({ StartedAt: '2026-01-02T00:00:00Z' }) })
    expect(second.incarnation).not.toBe(first)
  })
})

describe('a task without a running container', () => {
  const failed = swarmTask({
    State: 'failed',
    Err: 'task: non-zero exit (3)',
    ContainerStatus: { ContainerID: 'c'.repeat(64), ExitCode: 3 },
  })
  const next = swarmTask({ State: 'ready', Message: 'prepared' })

  test('that failed and waits for its restart has exited, with its last lines', () => {
    const observed = observe({ swarmTasks: [failed, next], container: ended(), lastLines: 'boom' })
    expect(observed).toMatchObject({ state: 'exited', exitCode: 3 })
    expect(observed.message).toBe('exited with code 3; its last lines:\nboom')
  })

  test('that ended a moment ago has exited before Swarm knows', () => {
    const running = swarmTask({ State: 'running' })
    const observed = observe({ swarmTasks: [running], container: ended({ ExitCode: 4 }) })
    expect(observed).toMatchObject({ state: 'exited', exitCode: 4, message: 'exited with code 4' })
  })

  test('that was killed for its memory says so', () => {
    const observed = observe({ swarmTasks: [failed], container: ended({ OOMKilled: true }) })
    expect(observed.message).toBe('killed: it used more memory than its limit')
  })

  test.each([
    ['No such image: sha256:00', 'no such image: sha256:00'],
    [
      'invalid mount config for type "bind": bind source path does not exist: /srv/x',
      'bind source path does not exist: /srv/x',
    ],
  ])('that Swarm rejected with %j is pending', (Err, message) => {
    const swarmTasks = [swarmTask({ State: 'rejected', Err }), next]
    expect(observe({ swarmTasks })).toMatchObject({ state: 'pending', message })
  })

  test('that fits on no node is pending, also after it ran elsewhere', () => {
    const Err = 'no suitable node (scheduling constraints not satisfied on 1 node)'
    const swarmTasks = [failed, swarmTask({ State: 'pending', Err })]
    expect(observe({ swarmTasks })).toMatchObject({ state: 'pending', message: Err })
  })

  test('of which nothing is known yet is pending', () => {
    expect(observe({})).toMatchObject({ state: 'pending', message: 'waits for the engine' })
  })

  test('on another node is as Swarm says, without an address', () => {
    const ContainerStatus = { ContainerID: 'd'.repeat(64) }
    const swarmTasks = [swarmTask({ State: 'running', ContainerStatus }, 'node-there')]
    const observed = observe({ swarmTasks })
    expect(observed).toMatchObject({ state: 'running', engineNode: 'node-there' })
    expect(observed.address).toBeUndefined()
  })
})

test('the words of the engine lose its innards', () => {
  const words =
    'starting container failed: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: "/x": no such file'
  expect(reword(words)).toBe('could not start: exec: "/x": no such file')
  expect(reword('task: non-zero exit (137): dockerexec: unhealthy container')).toBe(
    'its health check failed',
  )
})
