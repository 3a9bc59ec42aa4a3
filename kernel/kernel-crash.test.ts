import { PolisError } from '@polis/lib/error'
import { until } from '@polis/lib/until'
import { CrashPoint } from '@polis/test/crash-point'
import { describeWorld } from '@polis/test/describe-world'
import { FakeWorld, root } from '@polis/test/fake-world'
import { describe, expect, test } from 'vitest'
import type { ChangeRequest } from './operations/request.ts'

const COMPOSE = `
services:
  web:
    build: .
    x-polis:
      domains: ["shop.localhost:8080"]
      databases: [{ name: db }]
      volumes: [{ name: data }]
`
const WAIT = { deadlineMs: 10_000, everyMs: 2, what: 'the kernel to come to rest' }
/** One run dies at every second effect, from a drawn start: two runs cover all. */
const STRIDE = 2
const OF_SHOP = { project: 'default', instance: 'shop' } as const

interface Scenario {
  readonly name: string
  /** What is there before the request that is disturbed. */
  readonly before: readonly ChangeRequest[]
  readonly request: ChangeRequest
  readonly check: (world: FakeWorld) => void
}

function deploy(environment = ''): ChangeRequest {
  return {
    type: 'deploy',
    project: 'default',
    application: 'shop',
    files: [{ path: 'compose.yaml', text: `${COMPOSE}${environment}` }],
    variables: {},
    contextDigest: CONTEXT,
  }
}

/** SHA-256 of the one byte that stands for every folder here. */
const CONTEXT = 'sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881'
const secondVersion = deploy('    environment: { COLOR: blue }\n')
const replicas = (count: number): ChangeRequest => ({
  type: 'override',
  ...OF_SHOP,
  service: 'web',
  override: { replicas: count },
  unsetEnvironment: [],
})

const SCENARIOS: readonly Scenario[] = [
  { name: 'a first deploy', before: [], request: deploy(), check: (world) => expectShop(world, 1) },
  {
    name: 'a second version',
    before: [deploy()],
    request: secondVersion,
    check: (world) => {
      expectShop(world, 1)
      const [endpoint] = world.ingress.endpointsFor('shop.localhost') ?? []
      expect(world.engine.spec(endpoint?.taskUid ?? '').environment).toMatchObject({
        COLOR: 'blue',
      })
    },
  },
  {
    name: 'growing',
    before: [deploy()],
    request: replicas(3),
    check: (world) => expectShop(world, 3),
  },
  {
    name: 'shrinking',
    before: [deploy(), replicas(3)],
    request: replicas(1),
    check: (world) => expectShop(world, 1),
  },
  {
    name: 'detaching the database',
    before: [deploy()],
    request: {
      type: 'detach',
      ...OF_SHOP,
      service: 'web',
      target: { type: 'database', name: 'db' },
    },
    check: (world) => {
      expectShop(world, 1)
      const [endpoint] = world.ingress.endpointsFor('shop.localhost') ?? []
      expect(
        world.volumeHost.rootOf(endpoint?.taskUid ?? '')?.get('bindings/db/uri'),
      ).toBeUndefined()
    },
  },
  {
    name: 'a removal',
    before: [deploy()],
    request: { type: 'removeInstance', ...OF_SHOP },
    check: (world) => {
      const reader = world.kernel.reader(root)
      expect(reader.list('Task')).toEqual([])
      expect(world.engine.observed()).toEqual([])
      expect(world.engine.networks.size).toBe(0)
      expect(reader.list('Database').map(({ spec }) => typeof spec.binnedAt)).toEqual(['string'])
      expect(world.ingress.endpointsFor('shop.localhost')).toBeUndefined()
    },
  },
]

function expectShop(world: FakeWorld, tasks: number): void {
  const reader = world.kernel.reader(root)
  const single = ['Application', 'Instance', 'Service', 'Database', 'Volume', 'Domain'] as const
  const counts = single.map((kind) => [kind, reader.list(kind).length])
  expect(counts).toEqual(single.map((kind) => [kind, 1]))
  expect(reader.list('Task')).toHaveLength(tasks)
  const running = world.engine.observed().map(({ state, restarts }) => ({ state, restarts }))
  expect(running).toEqual(Array.from({ length: tasks }, () => ({ state: 'running', restarts: 0 })))
  expect(world.engine.networks.size).toBe(1)
  expect(world.database.databaseNames).toEqual(['shop_db'])
  expect(world.ingress.endpointsFor('shop.localhost')).toHaveLength(tasks)
}

async function openWorld({ before }: Scenario): Promise<FakeWorld> {
  const world = await FakeWorld.open()
  await until(() => world.kernel.reader(root).list('Driver').length === 5, WAIT)
  expect(await world.blobs.put(new Blob(['x']).stream(), 100)).toBe(CONTEXT)
  const device = { type: 'addDevice', driver: 'postgresql', name: 'main', parameters: {} } as const
  for (const request of [device, ...before]) {
    await world.kernel.submit(root, request)
    await atRest(world)
  }
  return world
}

async function atRest(world: FakeWorld): Promise<void> {
  const isAtRest = async (): Promise<boolean> =>
    (await world.kernel.listOperations(root, { limit: 50 })).every(
      ({ status }) => status !== 'running',
    )
  await until(isAtRest, WAIT).catch(async (cause: unknown) => {
    throw new Error(await describeWorld(world), { cause })
  })
}

async function countEnded(world: FakeWorld): Promise<number> {
  return (await world.kernel.listOperations(root, { limit: 50 })).length
}

/** Effects of the request when nobody disturbs it. */
async function countEffects(scenario: Scenario): Promise<number> {
  await using world = await openWorld(scenario)
  const counter = new CrashPoint(Infinity, 'after')
  await world.restart(counter)
  await world.kernel.submit(root, scenario.request)
  await atRest(world)
  scenario.check(world)
  return counter.count
}

async function survive(scenario: Scenario, at: number, when: 'before' | 'after'): Promise<void> {
  await using world = await openWorld(scenario)
  const endedBefore = await countEnded(world)
  const crash = new CrashPoint(at, when)
  try {
    await world.restart(crash)
    await world.kernel.submit(root, scenario.request)
    await Promise.race([crash.crashed, atRest(world)])
  } catch (error) {
    // The dying process cannot answer; whether its operation began is for the next one to say.
    if (!(error instanceof PolisError)) throw error
  }
  await world.restart()
  if ((await countEnded(world)) === endedBefore) await world.kernel.submit(root, scenario.request)
  await atRest(world)
  const operations = await world.kernel.listOperations(root, { limit: 50 })
  expect(operations.map(({ status }) => status)).toEqual(operations.map(() => 'done'))
  expect(operations).toHaveLength(endedBefore + 1)
  scenario.check(world)
}

describe('killed before or after any transaction or device call, the next kernel brings it to its end, once', () => {
  for (const scenario of SCENARIOS) {
    test(`${scenario.name}`, { timeout: 120_000 }, async () => {
      const effects = await countEffects(scenario)
      expect(effects).toBeGreaterThan(20)
      for (let at = 1 + Math.floor(Math.random() * STRIDE); at <= effects; at += STRIDE) {
        for (const when of ['before', 'after'] as const) {
          await survive(scenario, at, when).catch((cause: unknown) => {
            throw new Error(`killed ${when} effect ${at} of ${effects}`, { cause })
          })
        }
      }
    })
  }
})
