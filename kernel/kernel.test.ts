import { until } from '@polis/lib/until'
import { FakeWorld, root } from '@polis/test/fake-world'
import { expect, test } from 'vitest'
import type { Operation } from './operations/operation.ts'
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

async function addDatabaseDevice(world: FakeWorld): Promise<void> {
  await until(() => world.kernel.reader(root).list('Driver').length === 5, {
    deadlineMs: 5_000,
    what: 'drivers',
  })
  await finish(world, { type: 'addDevice', driver: 'postgresql', name: 'main', parameters: {} })
}

async function finish(world: FakeWorld, request: ChangeRequest): Promise<Operation> {
  const { id } = await world.kernel.submit(root, request)
  return await ended(world, id)
}

async function ended(world: FakeWorld, id: string): Promise<Operation> {
  let last: Operation | undefined
  for await (const operation of world.kernel.watchOperation(root, id, AbortSignal.timeout(10_000)))
    last = operation
  if (last === undefined) throw new Error('no operation')
  return last
}

async function deployShop(world: FakeWorld, text = COMPOSE): Promise<Operation> {
  const contextDigest = await world.blobs.put(new Blob(['x']).stream(), 100)
  return await finish(world, {
    type: 'deploy',
    project: 'default',
    application: 'shop',
    files: [{ path: 'compose.yaml', text }],
    variables: {},
    contextDigest,
  })
}

test('a deploy ends with a task that answers for its domain and has its database and volume', async () => {
  await using world = await FakeWorld.open()
  await addDatabaseDevice(world)

  const operation = await deployShop(world)

  expect(operation).toMatchObject({ status: 'done' })
  expect(operation.steps.map(({ key, status }) => [key, status])).toEqual([
    ['image/web', 'done'],
    ['prepare', 'done'],
    ['volume/shop-data', 'done'],
    ['database/shop-db', 'done'],
    ['service/web', 'done'],
    ['route/shop.localhost', 'done'],
  ])
  const [endpoint] = world.ingress.endpointsFor('shop.localhost') ?? []
  const binding = world.volumeHost.rootOf(endpoint?.taskUid ?? '')
  const login = {
    databaseName: binding?.get('bindings/db/database') ?? '',
    roleName: binding?.get('bindings/db/username') ?? '',
    password: binding?.get('bindings/db/password') ?? '',
  }
  expect(world.database.signIn(login)).toBeDefined()
})

const scale = (replicas: number): ChangeRequest => ({
  type: 'override',
  project: 'default',
  instance: 'shop',
  service: 'web',
  override: { replicas },
  unsetEnvironment: [],
})

test('a scaled service is answered for by all its tasks, and by the rest when it shrinks', async () => {
  await using world = await FakeWorld.open()
  await addDatabaseDevice(world)
  await deployShop(world)

  expect(await finish(world, scale(3))).toMatchObject({ status: 'done' })
  expect(world.ingress.endpointsFor('shop.localhost')).toHaveLength(3)

  expect(await finish(world, scale(1))).toMatchObject({ status: 'done' })
  expect(world.ingress.endpointsFor('shop.localhost')).toHaveLength(1)
  expect(world.kernel.reader(root).list('Task')).toHaveLength(1)
})

test('a new version replaces the old, and a rollback brings the old one back', async () => {
  await using world = await FakeWorld.open()
  await addDatabaseDevice(world)
  await deployShop(world)
  const [before] = world.ingress.endpointsFor('shop.localhost') ?? []

  expect(await deployShop(world, `${COMPOSE}    environment: { COLOR: blue }\n`)).toMatchObject({
    status: 'done',
  })
  const [after] = world.ingress.endpointsFor('shop.localhost') ?? []
  expect(after?.taskUid).not.toBe(before?.taskUid)
  expect(world.engine.spec(after?.taskUid ?? '').environment).toMatchObject({ COLOR: 'blue' })

  const rollback = { type: 'rollback', project: 'default', instance: 'shop' } as const
  expect(await finish(world, rollback)).toMatchObject({ status: 'done' })
  const [back] = world.ingress.endpointsFor('shop.localhost') ?? []
  expect(world.engine.spec(back?.taskUid ?? '').environment).not.toHaveProperty('COLOR')
})

test('the same file deployed again replaces nothing', async () => {
  await using world = await FakeWorld.open()
  await addDatabaseDevice(world)
  await deployShop(world)
  const before = world.ingress.endpointsFor('shop.localhost')

  expect(await deployShop(world)).toMatchObject({ status: 'done' })

  expect(world.ingress.endpointsFor('shop.localhost')).toEqual(before)
})

test('a version that crashes is taken back, and the old one serves all the time', async () => {
  await using world = await FakeWorld.open()
  const version = (command: string): ChangeRequest => ({
    type: 'deploy',
    project: 'default',
    application: 'site',
    files: [
      {
        path: 'compose.yaml',
        text: `services: { web: { image: "nginx:1", command: [${command}], x-polis: { domains: [site.localhost] } } }`,
      },
    ],
    variables: {},
  })
  expect(await finish(world, version('serve'))).toMatchObject({ status: 'done' })
  const before = world.ingress.endpointsFor('site.localhost')

  const failed = await finish(world, version('crash'))

  expect(failed.status).toBe('failed')
  expect(failed.error?.message).toContain('Run web')
  await until(() => world.kernel.reader(root).list('Task').length === 1, {
    deadlineMs: 5_000,
    what: 'one task',
  })
  expect(world.ingress.endpointsFor('site.localhost')).toEqual(before)
})

test('removal takes everything away and keeps data in the bin', async () => {
  await using world = await FakeWorld.open()
  await addDatabaseDevice(world)
  await deployShop(world)

  const removal = { type: 'removeInstance', project: 'default', instance: 'shop' } as const
  expect(await finish(world, removal)).toMatchObject({ status: 'done' })

  expect(world.ingress.endpointsFor('shop.localhost')).toBeUndefined()
  expect(world.engine.observed()).toEqual([])
  expect([...world.engine.networks]).toEqual([])
  const reader = world.kernel.reader(root)
  await until(() => reader.list('Application').length === 0, {
    deadlineMs: 5_000,
    what: 'no application',
  })
  expect(reader.list('Database').map(({ spec }) => spec.binnedAt)).toEqual([expect.any(String)])
  expect(reader.list('Volume').map(({ spec }) => spec.binnedAt)).toEqual([expect.any(String)])
  await until(() => reader.list('Domain').length === 0, { deadlineMs: 5_000, what: 'no domain' })
})

test("a second application cannot take the first one's domain, and nothing is changed", async () => {
  await using world = await FakeWorld.open()
  await addDatabaseDevice(world)
  await deployShop(world)
  const before = await world.store.revision()

  const contextDigest = await world.blobs.put(new Blob(['x']).stream(), 100)
  const request = {
    type: 'deploy' as const,
    project: 'default',
    application: 'thief',
    files: [{ path: 'compose.yaml', text: COMPOSE }],
    variables: {},
    contextDigest,
  }
  await expect(world.kernel.submit(root, request)).rejects.toMatchObject({
    problems: [
      {
        code: 'AlreadyExists',
        path: 'services.web.x-polis.domains[0]',
        message: 'shop.localhost is answered for by shop/web',
      },
    ],
  })
  expect(await world.store.revision()).toBe(before)
})

test('a build that fails says why and leaves nothing behind', async () => {
  await using world = await FakeWorld.open()
  await addDatabaseDevice(world)
  const contextDigest = await world.blobs.put(new Blob(['bad']).stream(), 100)
  world.builder.addContext(contextDigest, {
    Dockerfile: 'FROM base\nRUN echo no such file\nRUN exit 2',
  })

  const operation = await finish(world, {
    type: 'deploy',
    project: 'default',
    application: 'shop',
    files: [{ path: 'compose.yaml', text: COMPOSE }],
    variables: {},
    contextDigest,
  })

  expect(operation.status).toBe('failed')
  expect(operation.error?.message).toContain('RUN exit 2')
  const reader = world.kernel.reader(root)
  await until(() => reader.list('Application').length === 0, {
    deadlineMs: 5_000,
    what: 'no application',
  })
  expect([reader.list('Database'), reader.list('Volume'), reader.list('Service')]).toEqual([
    [],
    [],
    [],
  ])
})

test('attachments come and go while the same container runs', async () => {
  await using world = await FakeWorld.open()
  await addDatabaseDevice(world)
  await deployShop(world)
  const [endpoint] = world.ingress.endpointsFor('shop.localhost') ?? []
  const uid = endpoint?.taskUid ?? ''
  const to = { project: 'default', instance: 'shop', service: 'web' }
  await finish(world, {
    type: 'createVolume',
    project: 'default',
    name: 'media',
    isExclusive: false,
  })
  await finish(world, { type: 'createDatabase', project: 'default', name: 'extra' })

  for (const target of [
    { type: 'volume', name: 'media', readOnly: false } as const,
    { type: 'database', name: 'extra', env: {} } as const,
    { type: 'domain', host: 'www.localhost', port: 8080 } as const,
    { type: 'port', address: '127.0.0.1', port: 9000, targetPort: 8080 } as const,
  ]) {
    expect(await finish(world, { type: 'attach', ...to, target })).toMatchObject({ status: 'done' })
  }
  expect(world.volumeHost.rootOf(uid)?.get('bindings/extra/host')).toBe('polis.gateway')
  expect(world.ingress.endpointsFor('www.localhost')).toEqual(
    world.ingress.endpointsFor('shop.localhost'),
  )
  expect(world.ingress.endpointsForPort('127.0.0.1', 9000)).toHaveLength(1)

  for (const [type, name] of [
    ['volume', 'media'],
    ['database', 'extra'],
    ['domain', 'www.localhost'],
    ['port', '9000'],
  ] as const) {
    expect(await finish(world, { type: 'detach', ...to, target: { type, name } })).toMatchObject({
      status: 'done',
    })
  }
  expect(world.volumeHost.rootOf(uid)?.get('bindings/extra/host')).toBeUndefined()
  expect(world.ingress.endpointsFor('www.localhost')).toBeUndefined()
  expect(world.ingress.endpointsFor('shop.localhost')?.[0]?.incarnation).toBe(endpoint?.incarnation)
})

test('a port that a foreign program holds is refused by name, and nothing else suffers', async () => {
  await using world = await FakeWorld.open()
  await addDatabaseDevice(world)
  await deployShop(world)
  const to = { project: 'default', instance: 'shop', service: 'web' }
  const port = { type: 'port', address: '0.0.0.0', port: 9000, targetPort: 8080 } as const
  world.ingress.setPortOwners([{ address: '0.0.0.0', port: 9000, owner: 'apache2 (pid 77)' }])

  await expect(
    world.kernel.submit(root, { type: 'attach', ...to, target: port }),
  ).rejects.toMatchObject({
    code: 'AlreadyExists',
    path: 'target.port',
    message: "port 9000 is held by apache2 (pid 77), which is not Polis'",
  })
  expect(world.ingress.endpointsFor('shop.localhost')).toHaveLength(1)
})

test('a database device that cannot answer for a moment keeps its route', async () => {
  await using world = await FakeWorld.open()
  await addDatabaseDevice(world)
  await deployShop(world)
  const [before] = world.ingress.table.gateway
  world.database.ensureDevice = async () => ({ isReady: false, message: 'starting', facts: {} })
  const reader = world.kernel.reader(root)
  const isUnready = (): boolean =>
    reader
      .list('Device')
      .some(
        ({ metadata, status }) =>
          metadata.name === 'main' &&
          status.conditions.some(({ message }) => message === 'starting'),
      )
  await world.kernel.nodes.lost(reader.list('Node')[0]?.metadata.uid ?? '')
  await until(isUnready, { deadlineMs: 5_000, what: 'the device to be looked at' })

  expect(world.ingress.table.gateway).toEqual([before])
  expect(before?.upstreams).toHaveLength(1)
})

test('a volume in use is not detached: the holder is named, and everything stays as it was', async () => {
  await using world = await FakeWorld.open()
  await addDatabaseDevice(world)
  await deployShop(world)
  const [endpoint] = world.ingress.endpointsFor('shop.localhost') ?? []
  world.volumeHost.hold(endpoint?.taskUid ?? '', 'data', 'tail (pid 42)')
  const target = { type: 'volume' as const, name: 'data' }
  const detach = {
    type: 'detach' as const,
    project: 'default',
    instance: 'shop',
    service: 'web',
    target,
  }

  const refused = await finish(world, detach)

  expect(refused.status).toBe('failed')
  expect(refused.error?.message).toContain('tail (pid 42)')
  const attachment = (): boolean =>
    world.kernel
      .reader(root)
      .list('Attachment')
      .some(
        ({ spec, metadata, status }) =>
          spec.alias === 'data' &&
          metadata.deletionRequestedAt === undefined &&
          status.conditions.some(({ type, status: is }) => type === 'Ready' && is === 'True'),
      )
  await until(attachment, { deadlineMs: 5_000, what: 'the attachment to hold again' })

  world.volumeHost.release(endpoint?.taskUid ?? '', 'data')
  expect(await finish(world, detach)).toMatchObject({ status: 'done' })
})
