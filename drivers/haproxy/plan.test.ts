import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseParameters } from './config.ts'
import { EdgeState, type EdgePlan, INITIAL_STATE, planEdge, serverPrefix } from './plan.ts'

const parameters = parseParameters({ spareRoutes: 3 })

function plan(
  previous: EdgeState,
  hosts: readonly string[],
  ports: readonly number[] = [],
): EdgePlan {
  const http = hosts.map((host) => ({ uid: host, host, endpoints: [] }))
  const routes = ports.map((port) => ({ uid: `${port}`, address: '0.0.0.0', port, endpoints: [] }))
  const table = { http, ports: routes, gateway: [], certificates: [] }
  return planEdge(previous, table, parameters)
}

test('a backend is never given to a second host, and its state survives a file', () => {
  const hosts = fc.subarray(['a.test', 'b.test', '*.c.test', 'd.test', 'e.test'])
  const ports = fc.subarray([1, 2])
  fc.assert(
    fc.property(fc.array(fc.tuple(hosts, ports), { minLength: 2, maxLength: 12 }), (tables) => {
      const owners = new Map<string, string>()
      let state = INITIAL_STATE
      for (const [wanted, binds] of tables) {
        const { shape, ...next } = plan(state, wanted, binds)
        state = EdgeState.parse(JSON.parse(JSON.stringify(next.state)))
        expect(Object.keys(state.hosts).toSorted()).toEqual(wanted.toSorted())
        for (const [host, backend] of Object.entries(state.hosts)) {
          expect(owners.get(backend) ?? host).toBe(host)
          expect(shape.httpBackends).toContain(backend)
          owners.set(backend, host)
        }
      }
    }),
  )
})

test('hosts come and go in one shape until the spare ones are used up', () => {
  const before = plan(INITIAL_STATE, ['a.test'])
  const three = plan(before.state, ['a.test', 'b.test', 'c.test', 'd.test'])
  expect(three.shape).toEqual(before.shape)
  const gone = plan(three.state, ['a.test'])
  expect(gone.shape).toEqual(before.shape)
  const more = plan(gone.state, ['a.test', 'e.test'])
  expect(more.shape).not.toEqual(before.shape)
  expect(more.state.spare).toHaveLength(3)
  expect(more.state.retired).toEqual([])
})

test('an incarnation is told from every other, whatever its name', () => {
  const names = ['a', 'a_b', 'b', 'ä', 'x'.repeat(200)]
  const prefixes = names.flatMap((taskUid) =>
    names.map((incarnation) => serverPrefix({ taskUid, incarnation })),
  )
  expect(new Set(prefixes).size).toBe(names.length ** 2)
  expect(prefixes.every((prefix) => /^[\w.-]{1,200}$/.test(prefix))).toBe(true)
})
