import { until } from '@polis/lib/until'
import { describe, expect, test } from 'vitest'
import type { EdgeTable } from './class.ts'
import {
  gatewayRoute,
  type OpenIngress,
  openSubject,
  portRoute,
  reached,
  refusedWith,
  signal,
  tableOf,
} from './conformance-subject.ts'
import type { WorldServer } from './edge-world.ts'

export function ingressTcpConformance(open: OpenIngress): void {
  describe('ports and gateway', () => {
    test('a port leads to its endpoints on the address it names and on no other', async () => {
      const { ingress, world } = await openSubject(open)
      const [one, two] = [await world.startServer('one'), await world.startServer('two')]
      const [near, wide] = [await world.freePort(), await world.freePort()]
      const ports = [portRoute('127.0.0.1', near, [one]), portRoute('0.0.0.0', wide, [two])]
      await ingress.applyTable(tableOf({ ports }), signal())
      expect(await reached(world, '127.0.0.1', near)).toBe('one')
      expect(await reached(world, world.otherAddress, near)).toBeUndefined()
      expect(await reached(world, '127.0.0.1', wide)).toBe('two')
      expect(await reached(world, world.otherAddress, wide)).toBe('two')
      await ingress.applyTable(tableOf({ ports: ports.slice(1) }), signal())
      expect(await reached(world, '127.0.0.1', near)).toBeUndefined()
      expect(await reached(world, '127.0.0.1', wide)).toBe('two')
    })

    test('the endpoints of a port change without a reload, and open connections stay', async () => {
      const { ingress, world } = await openSubject(open)
      const [one, two] = [await world.startServer('one'), await world.startServer('two')]
      const port = await world.freePort()
      const applied = async (servers: readonly WorldServer[]) =>
        (
          await ingress.applyTable(
            tableOf({ ports: [portRoute('127.0.0.1', port, servers)] }),
            signal(),
          )
        ).by
      await applied([one])
      const early = await world.connect({ address: '127.0.0.1', port, from: world.sources[0] })
      expect(await applied([two])).toBe('runtime')
      expect(await reached(world, '127.0.0.1', port)).toBe('two')
      expect(early).toMatchObject({ server: 'one', isOpen: true })
      const asked = { taskUid: 'one', incarnation: '1', timeoutMs: 100 }
      expect(await ingress.awaitIdle(asked, signal())).toEqual({ isIdle: false })
      early?.close()
      expect(await ingress.awaitIdle({ ...asked, timeoutMs: 5_000 }, signal())).toEqual({
        isIdle: true,
      })
      expect(await applied([])).toBe('runtime')
      expect(await reached(world, '127.0.0.1', port)).toBeUndefined()
    })

    test('the gateway lets in whom its route names, and ends who is named no more', async () => {
      const { ingress, world } = await openSubject(open)
      const one = await world.startServer('one')
      const port = await world.freePort()
      const [first, second] = world.sources
      const applied = async (admitted: readonly string[]) =>
        (
          await ingress.applyTable(
            tableOf({ gateway: [gatewayRoute(port, [one], admitted)] }),
            signal(),
          )
        ).by
      const from = (source: string) => reached(world, world.gatewayAddress, port, source)
      await applied([first])
      expect([await from(first), await from(second)]).toEqual(['one', undefined])
      expect(await applied([first, second])).toBe('runtime')
      expect([await from(first), await from(second)]).toEqual(['one', 'one'])
      const connect = (source: string) =>
        world.connect({ address: world.gatewayAddress, port, from: source })
      const [revoked, kept] = [await connect(first), await connect(second)]
      expect(await applied([second])).toBe('runtime')
      await until(() => revoked?.isOpen === false, {
        deadlineMs: 1_000,
        what: 'the end of the revoked connection',
      })
      expect(kept).toMatchObject({ isOpen: true })
      expect([await from(first), await from(second)]).toEqual([undefined, 'one'])
      await ingress.applyTable(tableOf({}), signal())
      await until(() => kept?.isOpen === false, {
        deadlineMs: 1_000,
        what: 'the end of the last connection',
      })
    })

    test('a published port of every address does not shadow the gateway', async () => {
      const { ingress, world } = await openSubject(open)
      const [one, two] = [await world.startServer('one'), await world.startServer('two')]
      const port = await world.freePort()
      const [first, second] = world.sources
      const table = tableOf({
        ports: [portRoute('0.0.0.0', port, [one])],
        gateway: [gatewayRoute(port, [two], [first])],
      })
      await ingress.applyTable(table, signal())
      expect(await reached(world, world.gatewayAddress, port, first)).toBe('two')
      expect(await reached(world, world.gatewayAddress, port, second)).toBeUndefined()
      expect(await reached(world, '127.0.0.1', port)).toBe('one')
    })

    test('two listeners on one address are refused', async () => {
      const { ingress, world } = await openSubject(open)
      const port = await world.freePort()
      const refused = async (parts: Partial<EdgeTable>) => {
        const { code, path } = await refusedWith(ingress.applyTable(tableOf(parts), signal()))
        return [code, path]
      }
      const [near, wide] = [portRoute('127.0.0.1', port, []), portRoute('0.0.0.0', port, [])]
      expect(await refused({ ports: [near, wide] })).toEqual(['InvalidArgument', 'ports[1].port'])
      const gateway = [gatewayRoute(port, [], []), gatewayRoute(port, [], [])]
      expect(await refused({ gateway })).toEqual(['InvalidArgument', 'gateway[1].port'])
    })

    test("the edge's own HTTP listener is taken", async () => {
      const { ingress } = await openSubject(open)
      const { facts } = await ingress.observeDevice({}, signal())
      const port = Number(facts['httpPort'])
      const { code, path } = await refusedWith(
        ingress.applyTable(tableOf({ ports: [portRoute('0.0.0.0', port, [])] }), signal()),
      )
      expect([code, path]).toEqual(['AlreadyExists', 'ports[0].port'])
      const ports = [{ address: '0.0.0.0', port }]
      const { taken } = await ingress.findPortOwners({ ports }, signal())
      expect(taken[0]?.owner).toContain('edge')
    })

    test('a port that a foreign program holds is refused with its name', async () => {
      const { ingress, world } = await openSubject(open)
      const one = await world.startServer('one')
      const [own, foreign] = [await world.freePort(), await world.freePort()]
      await using held = await world.holdPort('127.0.0.1', foreign)
      const ports = [portRoute('0.0.0.0', own, [one])]
      await ingress.applyTable(tableOf({ ports }), signal())
      const error = await refusedWith(
        ingress.applyTable(
          tableOf({ ports: [...ports, portRoute('0.0.0.0', foreign, [one])] }),
          signal(),
        ),
      )
      expect(error).toMatchObject({ code: 'AlreadyExists', path: 'ports[1].port' })
      expect(error.message).toContain(held.owner)
      expect(await reached(world, '127.0.0.1', own)).toBe('one')
      const asked = [own, foreign].map((port) => ({ address: '0.0.0.0', port }))
      const { taken } = await ingress.findPortOwners({ ports: asked }, signal())
      expect(taken.map(({ address, port }) => ({ address, port }))).toEqual(asked.slice(1))
      expect(taken[0]?.owner).toContain(held.owner)
    })
  })
}
