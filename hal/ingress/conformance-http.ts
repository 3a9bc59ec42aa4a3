import { describe, expect, test } from 'vitest'
import type { EdgeTable } from './class.ts'
import {
  httpEndpoint,
  httpRoute,
  type OpenIngress,
  openSubject,
  refusedWith,
  signal,
  tableOf,
} from './conformance-subject.ts'

export function ingressHttpConformance(open: OpenIngress): void {
  describe('HTTP routes', () => {
    test('lead by host name, exact before wildcard, without regard to case', async () => {
      const { ingress, world } = await openSubject(open)
      const [one, two, three] = await Promise.all(
        ['one', 'two', 'three'].map((name) => world.startServer(name)),
      )
      if (!one || !two || !three) throw new Error('unreachable')
      const http = [
        httpRoute('*.example.test', [two]),
        httpRoute('a.example.test', [one]),
        httpRoute('*.deep.example.test', [three]),
      ]
      await ingress.applyTable(tableOf({ http }), signal())
      const serverOf = async (host: string) => (await world.get({ host })).server
      expect(await serverOf('A.Example.test:8080')).toBe('one')
      expect(await serverOf('b.example.test')).toBe('two')
      expect(await serverOf('c.b.example.test')).toBe('two')
      expect(await serverOf('x.deep.example.test')).toBe('three')
      expect(await world.get({ host: 'example.test' })).toEqual({ status: 404 })
    })

    test('the edge itself answers for unknown hosts and hosts without endpoints', async () => {
      const { ingress, world } = await openSubject(open)
      await ingress.applyTable(tableOf({ http: [httpRoute('empty.test', [])] }), signal())
      expect(await world.get({ host: 'empty.test' })).toEqual({ status: 503 })
      expect(await world.get({ host: 'unknown.test' })).toEqual({ status: 404 })
      const probe = (host: string) => ingress.probe({ host, path: '/', isTls: false }, signal())
      expect(await probe('empty.test')).toMatchObject({ status: 503, isFromEndpoint: false })
      expect(await probe('unknown.test')).toMatchObject({ status: 404, isFromEndpoint: false })
    })

    test('a probe tells the endpoint from the edge', async () => {
      const { ingress, world } = await openSubject(open)
      const server = await world.startServer('one')
      await ingress.applyTable(tableOf({ http: [httpRoute('a.test', [server])] }), signal())
      const ask = { host: 'a.test', path: '/', isTls: false }
      expect(await ingress.probe(ask, signal())).toMatchObject({
        status: 200,
        isFromEndpoint: true,
      })
      await server.stop()
      expect(await ingress.probe(ask, signal())).toMatchObject({ isFromEndpoint: false })
    })

    test('the same table again changes nothing, a new endpoint or domain needs no reload', async () => {
      const { ingress, world, reopen } = await openSubject(open)
      const one = await world.startServer('one')
      const two = await world.startServer('two')
      const a = httpRoute('a.test', [one])
      const applied = async (http: EdgeTable['http']) =>
        (await ingress.applyTable(tableOf({ http }), signal())).by
      await applied([a])
      expect(await applied([a])).toBe('unchanged')
      expect((await reopen().applyTable(tableOf({ http: [a] }), signal())).by).toBe('unchanged')
      expect(await applied([{ ...a, endpoints: [httpEndpoint(two)] }])).toBe('runtime')
      expect((await world.get({ host: 'a.test' })).server).toBe('two')
      expect(await applied([a, httpRoute('*.b.test', [two])])).toBe('runtime')
      expect((await world.get({ host: 'x.b.test' })).server).toBe('two')
      expect(await applied([a])).toBe('runtime')
      expect(await world.get({ host: 'x.b.test' })).toEqual({ status: 404 })
    })

    test('a removed endpoint gets no request while one under way ends by itself', async () => {
      const { ingress, world } = await openSubject(open)
      const old = await world.startServer('old')
      const next = await world.startServer('next')
      const route = httpRoute('a.test', [old])
      await ingress.applyTable(tableOf({ http: [route] }), signal())
      const slow = await world.getSlowly('a.test')
      expect(slow.server).toBe('old')
      await ingress.applyTable(
        tableOf({ http: [{ ...route, endpoints: [httpEndpoint(next)] }] }),
        signal(),
      )
      const hits = old.countHits()
      for (let turn = 0; turn < 20; turn += 1) {
        expect((await world.get({ host: 'a.test' })).server).toBe('next')
      }
      expect(old.countHits()).toBe(hits)
      const asked = { taskUid: 'old', incarnation: '1' }
      expect(await ingress.awaitIdle({ ...asked, timeoutMs: 200 }, signal())).toEqual({
        isIdle: false,
      })
      const idle = ingress.awaitIdle({ ...asked, timeoutMs: 10_000 }, signal())
      expect(await slow.finish()).toEqual({ status: 200, server: 'old' })
      expect(await idle).toEqual({ isIdle: true })
    })

    test('what nobody knows is idle', async () => {
      const { ingress } = await openSubject(open)
      const asked = { taskUid: 'nobody', incarnation: '7', timeoutMs: 1_000 }
      expect(await ingress.awaitIdle(asked, signal())).toEqual({ isIdle: true })
    })

    test(
      '300 endpoint changes under constant requests fail none',
      { timeout: 120_000 },
      async () => {
        const { ingress, world } = await openSubject(open)
        const servers = await Promise.all(
          ['one', 'two', 'three', 'four'].map((name) => world.startServer(name)),
        )
        const route = httpRoute('a.test', servers)
        await ingress.applyTable(tableOf({ http: [route] }), signal())
        const load = world.startLoad('a.test')
        for (let change = 0; change < 300; change += 1) {
          const endpoints = [0, 1].map((shift) => {
            const server = servers[(change + shift) % servers.length]
            if (server === undefined) throw new Error('unreachable')
            return { ...httpEndpoint(server), incarnation: String(change + shift) }
          })
          const applied = await ingress.applyTable(
            tableOf({ http: [{ ...route, endpoints }] }),
            signal(),
          )
          expect(applied.by).toBe('runtime')
        }
        const { succeeded, failures } = await load.stop()
        expect(failures).toEqual([])
        expect(succeeded).toBeGreaterThan(300)
      },
    )

    test('of two tables at once the later holds wholly', async () => {
      const { ingress, world } = await openSubject(open)
      const [one, two] = [await world.startServer('one'), await world.startServer('two')]
      const hosts = Array.from({ length: 20 }, (_, index) => `h${index}.test`)
      const first = tableOf({ http: hosts.map((host) => httpRoute(host, [one])) })
      const later = tableOf({ http: hosts.slice(10).map((host) => httpRoute(host, [two])) })
      await Promise.all([ingress.applyTable(first, signal()), ingress.applyTable(later, signal())])
      const got = await Promise.all(hosts.map((host) => world.get({ host })))
      expect(got.map(({ server }) => server)).toEqual([
        ...Array.from({ length: 10 }, () => undefined),
        ...Array.from({ length: 10 }, () => 'two'),
      ])
    })

    test('a table that cannot be is refused with all its problems, and the old one holds', async () => {
      const { ingress, world } = await openSubject(open)
      const one = await world.startServer('one')
      const good = tableOf({ http: [httpRoute('a.test', [one])] })
      await ingress.applyTable(good, signal())
      const bad = tableOf({
        http: [
          httpRoute('b.test', [one]),
          httpRoute('b.test', [one]),
          httpRoute('not a host\nname', []),
          httpRoute('c.test', [], 'missing'),
          { ...httpRoute('d.test', []), endpoints: [{ ...httpEndpoint(one), address: 'x y' }] },
        ],
      })
      const error = await refusedWith(ingress.applyTable(bad, signal()))
      expect(error.code).toBe('InvalidArgument')
      expect(error.problems.map(({ path }) => path).toSorted()).toEqual([
        'http[1].host',
        'http[2].host',
        'http[3].certificate',
        'http[4].endpoints[0].address',
      ])
      expect((await world.get({ host: 'a.test' })).server).toBe('one')
      expect(await ingress.applyTable(good, signal())).toEqual({ by: 'unchanged' })
    })
  })
}
