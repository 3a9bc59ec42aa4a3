import { until } from '@polis/lib/until'
import { CrashPoint } from '@polis/test/crash-point'
import { describeWorld } from '@polis/test/describe-world'
import { FakeWorld, root } from '@polis/test/fake-world'
import { expect, test } from 'vitest'
import { PolisError } from '@polis/lib/error'
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

async function openShopWorld(): Promise<{ world: FakeWorld; deploy: ChangeRequest }> {
  const world = await FakeWorld.open()
  await until(() => world.kernel.reader(root).list('Driver').length === 5, WAIT)
  await world.kernel.submit(root, {
    type: 'addDevice',
    driver: 'postgresql',
    name: 'main',
    parameters: {},
  })
  await atRest(world)
  const contextDigest = await world.blobs.put(new Blob(['x']).stream(), 100)
  const files = [{ path: 'compose.yaml', text: COMPOSE }]
  const deploy = {
    type: 'deploy' as const,
    project: 'default',
    application: 'shop',
    files,
    variables: {},
    contextDigest,
  }
  return { world, deploy }
}

const WAIT = { deadlineMs: 10_000, everyMs: 2, what: 'the kernel to come to rest' }

async function atRest(world: FakeWorld): Promise<void> {
  const isAtRest = async (): Promise<boolean> =>
    (await world.kernel.listOperations(root, { limit: 50 })).every(
      ({ status }) => status !== 'running',
    )
  await until(isAtRest, WAIT).catch(async (cause: unknown) => {
    throw new Error(await describeWorld(world), { cause })
  })
}

/** Effects of a deploy that nobody disturbs. */
async function countEffects(): Promise<number> {
  const { world, deploy } = await openShopWorld()
  await using _ = world
  const counter = new CrashPoint(Infinity, 'after')
  await world.restart(counter)
  const before = counter.count
  await world.kernel.submit(root, deploy)
  await atRest(world)
  return counter.count - before
}

async function deployThroughCrash(at: number, when: 'before' | 'after'): Promise<void> {
  const { world, deploy } = await openShopWorld()
  await using _ = world
  const crash = new CrashPoint(at, when)
  try {
    await world.restart(crash)
    await world.kernel.submit(root, deploy)
    await Promise.race([crash.crashed, atRest(world)])
  } catch (error) {
    // The dying process cannot answer; whether its operation began is for the next one to say.
    if (!(error instanceof PolisError)) throw error
  }
  await world.restart()
  const operations = await world.kernel.listOperations(root, { limit: 50 })
  if (!operations.some(({ verb }) => verb === 'deploy')) await world.kernel.submit(root, deploy)
  await atRest(world)

  const ended = (await world.kernel.listOperations(root, { limit: 50 })).filter(
    ({ verb }) => verb === 'deploy',
  )
  expect(ended.map(({ status }) => status)).toEqual(['done'])
  const reader = world.kernel.reader(root)
  for (const kind of [
    'Application',
    'Instance',
    'Revision',
    'Image',
    'Service',
    'Task',
    'Database',
    'Volume',
    'Domain',
  ] as const) {
    expect({ [kind]: reader.list(kind).length }).toEqual({ [kind]: 1 })
  }
  expect(world.engine.observed()).toHaveLength(1)
  expect(world.engine.observed()[0]).toMatchObject({ state: 'running', restarts: 0 })
  expect(world.engine.networks.size).toBe(1)
  expect(world.database.databaseNames).toEqual(['shop_db'])
  expect(world.ingress.endpointsFor('shop.localhost')).toHaveLength(1)
}

test(
  'killed at any step of a deploy, the next kernel brings it to its end and does nothing twice',
  { timeout: 180_000 },
  async () => {
    const effects = await countEffects()
    expect(effects).toBeGreaterThan(20)
    for (let at = 1; at <= effects; at += 1) {
      for (const when of ['before', 'after'] as const) {
        await deployThroughCrash(at, when).catch((cause: unknown) => {
          throw new Error(`killed ${when} effect ${at} of ${effects}`, { cause })
        })
      }
    }
  },
)
