import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { EdgeTable } from './class.ts'
import {
  gatewayRoute,
  httpRoute,
  type OpenIngress,
  openSubject,
  portRoute,
  reached,
  signal,
  tableOf,
} from './conformance-subject.ts'
import type { EdgeWorld, WorldServer } from './edge-world.ts'

const SERVERS = ['one', 'two', 'three']
const HOSTS = ['a.test', 'b.test', '*.b.test', 'x.b.test']
const ASKED_HOSTS = ['a.test', 'b.test', 'x.b.test', 'y.b.test', 'z.y.b.test', 'c.test']

/** A table in short: which servers stand behind what, by index. */
interface Sketch {
  readonly hosts: Readonly<Record<string, readonly number[] | undefined>>
  readonly ports: readonly (readonly number[] | undefined)[]
  readonly gateway: { readonly servers: readonly number[]; readonly admitted: number[] } | undefined
}

const servers = fc.uniqueArray(fc.nat({ max: SERVERS.length - 1 }), { maxLength: 3 })
const maybeServers = fc.option(servers, { nil: undefined })
const sketch: fc.Arbitrary<Sketch> = fc.record({
  hosts: fc.record(Object.fromEntries(HOSTS.map((host) => [host, maybeServers]))),
  ports: fc.tuple(maybeServers, maybeServers),
  gateway: fc.option(fc.record({ servers, admitted: fc.subarray([0, 1]) }), { nil: undefined }),
})

interface Stage {
  readonly world: EdgeWorld
  readonly servers: readonly WorldServer[]
  readonly ports: readonly number[]
}

/** After every table of a random sequence, what is reached is what a simple model of the table says. */
export function ingressTableSequences(open: OpenIngress): void {
  test(
    'any sequence of tables leaves the edge as the last one says',
    { timeout: 180_000 },
    async () => {
      const { ingress, world, reopen } = await openSubject(open)
      const stage: Stage = {
        world,
        servers: await Promise.all(SERVERS.map((name) => world.startServer(name))),
        ports: [await world.freePort(), await world.freePort(), await world.freePort()],
      }
      const step = fc.record({ sketch, isReopened: fc.boolean() })
      const property = fc.asyncProperty(
        fc.array(step, { minLength: 1, maxLength: 4 }),
        async (steps) => {
          for (const { sketch: wanted, isReopened } of steps) {
            await (isReopened ? reopen() : ingress).applyTable(toTable(wanted, stage), signal())
            expect(await seen(wanted, stage)).toEqual(expectedOf(wanted))
          }
        },
      )
      await fc.assert(property, { numRuns: 12 })
    },
  )
}

function pick(stage: Stage, indexes: readonly number[]): readonly WorldServer[] {
  return stage.servers.filter((_, index) => indexes.includes(index))
}

function toTable(wanted: Sketch, stage: Stage): EdgeTable {
  const http = Object.entries(wanted.hosts).flatMap(([host, indexes]) =>
    indexes === undefined ? [] : [httpRoute(host, pick(stage, indexes))],
  )
  const ports = wanted.ports.flatMap((indexes, at) =>
    indexes === undefined
      ? []
      : [portRoute(at === 0 ? '127.0.0.1' : '0.0.0.0', stage.ports[at] ?? 0, pick(stage, indexes))],
  )
  const { gateway } = wanted
  const admitted = gateway?.admitted.map((at) => stage.world.sources[at] ?? '') ?? []
  const routes =
    gateway === undefined
      ? []
      : [gatewayRoute(stage.ports[2] ?? 0, pick(stage, gateway.servers), admitted)]
  return tableOf({ http, ports, gateway: routes })
}

type Reached = Readonly<Record<string, string>>

const namesOf = (indexes: readonly number[]): string =>
  indexes.length === 0
    ? 'nobody'
    : SERVERS.filter((_, index) => indexes.includes(index))
        .toSorted()
        .join(' ')

/** The model: what should be reached, in words. */
function expectedOf(wanted: Sketch): Reached {
  const { hosts } = wanted
  const ofHost = (host: string): string => {
    const indexes = hosts[host] ?? (host.endsWith('.b.test') ? hosts['*.b.test'] : undefined)
    if (indexes === undefined) return '404'
    return indexes.length === 0 ? '503' : namesOf(indexes)
  }
  const gateway = [0, 1].map((source) => [
    `gateway from ${source}`,
    wanted.gateway?.admitted.includes(source) ? namesOf(wanted.gateway.servers) : 'nobody',
  ])
  return Object.fromEntries([
    ...ASKED_HOSTS.map((host) => [host, ofHost(host)]),
    ...wanted.ports.map((indexes, at) => [`port ${at}`, namesOf(indexes ?? [])]),
    ...gateway,
  ]) as Reached
}

/** The world: what is reached. Asks often enough that each server of a route has had its turn. */
async function seen(wanted: Sketch, { world, ports }: Stage): Promise<Reached> {
  const entries: [string, string][] = []
  for (const host of ASKED_HOSTS) {
    entries.push([
      host,
      await everyAnswer(async () => {
        const { server, status } = await world.get({ host })
        return server ?? String(status)
      }),
    ])
  }
  for (const [at] of wanted.ports.entries()) {
    const port = ports[at] ?? 0
    const reach = async () => (await reached(world, '127.0.0.1', port)) ?? 'nobody'
    entries.push([`port ${at}`, await everyAnswer(reach)])
  }
  for (const [at, source] of world.sources.entries()) {
    const reach = () => reached(world, world.gatewayAddress, ports[2] ?? 0, source)
    entries.push([`gateway from ${at}`, await everyAnswer(async () => (await reach()) ?? 'nobody')])
  }
  return Object.fromEntries(entries)
}

async function everyAnswer(ask: () => Promise<string>): Promise<string> {
  const answers = new Set<string>()
  for (let turn = 0; turn < 2 * SERVERS.length; turn += 1) answers.add(await ask())
  return [...answers].toSorted().join(' ')
}
