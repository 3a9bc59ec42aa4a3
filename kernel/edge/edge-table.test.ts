import type { EdgeTable } from '@polis/hal/ingress'
import type { Attachment, AttachmentTarget } from '@polis/resources/attachment'
import { NOT_OBSERVED } from '@polis/resources/object'
import type { KindName, PolisObject } from '@polis/resources/registry'
import type { Task } from '@polis/resources/task'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readerOf } from '../objects/objects.fixture.ts'
import { isServiceRouted, planService, type ServiceRoutes, toTable } from './edge-table.ts'

const LEAVING = { deletionRequestedAt: '2026-01-01T00:00:00Z' }

function object<Name extends KindName>(
  kind: Name,
  uid: string,
  spec: PolisObject<Name>['spec'],
  part: { status?: object; metadata?: object } = {},
): PolisObject<Name> {
  const metadata = { uid, name: uid, generation: 1, createdAt: '', ...part.metadata }
  const status = { ...NOT_OBSERVED, ...part.status }
  return { kind, metadata, spec, status, revision: 1 } as unknown as PolisObject<Name>
}

function node(uid: string): PolisObject<'Node'> {
  return object('Node', uid, { isSchedulable: true, labels: {} })
}

function task(uid: string, status: Partial<Task['status']> = {}, metadata: object = {}): Task {
  const owner = status.message ?? 'web'
  const template = {
    image: '',
    stopGracePeriodMs: 0,
    environment: {},
    environmentFrom: {},
    labels: {},
    resources: {},
    mounts: [],
    aliases: [],
  }
  const spec = { serviceUid: owner, revisionUid: 'r', slot: 1, template, templateHash: 'h' }
  return object('Task', uid, spec, {
    metadata: { ownerUid: owner, ...metadata },
    status: {
      state: 'running',
      message: '',
      incarnation: `${uid}@1`,
      address: `172.30.0.${uid.length}`,
      nodeUid: 'n1',
      restarts: 0,
      mountedAttachmentUids: [],
      ...status,
    },
  })
}

/** A task of another service. */
function taskOf(service: string, uid: string, status: Partial<Task['status']> = {}): Task {
  const own = task(uid, status, { ownerUid: service })
  return { ...own, spec: { ...own.spec, serviceUid: service } }
}

function attachment(
  uid: string,
  target: AttachmentTarget,
  part: { service?: string; metadata?: object } = {},
): Attachment {
  const spec = { serviceUid: part.service ?? 'web', alias: uid, layer: 'file' as const, target }
  return object('Attachment', uid, spec, { metadata: part.metadata ?? {} })
}

function domain(uid: string, host: string): PolisObject<'Domain'> {
  return object('Domain', uid, { host, tls: 'off' })
}

const database = object('Database', 'db', {
  deviceUid: 'pg',
  databaseName: 'shop',
  roleName: 'shop',
  passwordUid: 'pw',
  gatewayPort: 20_000,
})

function device(address: string | undefined): PolisObject<'Device'> {
  const spec = { driver: 'postgresql', class: 'database', nodeUid: 'n1', parameters: {} }
  return object('Device', 'pg', spec, {
    status: { facts: address === undefined ? {} : { address } },
  })
}

const toDomain = (domainUid: string): AttachmentTarget => ({
  type: 'domain',
  domainUid,
  port: 8080,
})
const toDatabase: AttachmentTarget = { type: 'database', databaseUid: 'db', environment: {} }

interface Plan extends Pick<ServiceRoutes, 'routed' | 'attachmentUids'> {
  readonly table: EdgeTable
}

/** All services that have an attachment. */
async function plan(...objects: readonly PolisObject[]): Promise<Plan> {
  const reader = await readerOf(objects)
  const serviceUids = new Set(reader.list('Attachment').map(({ spec }) => spec.serviceUid))
  const services = [...serviceUids].map((uid) => planService(reader, node('n1'), uid))
  return {
    table: toTable(services),
    routed: new Map(services.flatMap(({ routed }) => [...routed])),
    attachmentUids: new Set(services.flatMap(({ attachmentUids }) => [...attachmentUids])),
  }
}

describe('a domain', () => {
  test('leads to every task that runs, at the port of the attachment', async () => {
    const { table, routed, attachmentUids } = await plan(
      domain('d', 'shop.example'),
      attachment('a', toDomain('d')),
      task('t1', { address: '172.30.0.2' }),
      task('t2', { address: '172.30.0.3' }),
    )
    expect(table.http).toEqual([
      {
        uid: 'a',
        host: 'shop.example',
        endpoints: [
          { taskUid: 't1', incarnation: 't1@1', address: '172.30.0.2', port: 8080 },
          { taskUid: 't2', incarnation: 't2@1', address: '172.30.0.3', port: 8080 },
        ],
      },
    ])
    expect([...routed]).toEqual([
      ['t1', 't1@1'],
      ['t2', 't2@1'],
    ])
    expect([...attachmentUids]).toEqual(['a'])
  })

  test.each<[string, Task]>([
    ['starts', task('t', { state: 'starting' })],
    ['is unhealthy', task('t', { state: 'unhealthy' })],
    ['has exited', task('t', { state: 'exited' })],
    ['is lost', task('t', { state: 'lost' })],
    [
      'has no address',
      { ...task('t'), status: { ...task('t').status, address: undefined } } as never,
    ],
    ['is on its way out', task('t', {}, LEAVING)],
    ['runs elsewhere', task('t', { nodeUid: 'n2' })],
    ['is of another service', taskOf('api', 't')],
  ])('does not lead to a task that %s', async (_, unfit) => {
    const { table, routed } = await plan(domain('d', 'x'), attachment('a', toDomain('d')), unfit)
    expect(table.http).toEqual([{ uid: 'a', host: 'x', endpoints: [] }])
    expect([...routed]).toEqual([])
  })

  test('is answered for by the edge itself while no task runs', async () => {
    const { table, attachmentUids } = await plan(domain('d', 'x'), attachment('a', toDomain('d')))
    expect(table.http).toHaveLength(1)
    expect([...attachmentUids]).toEqual(['a'])
  })

  test('leaves the table with its attachment', async () => {
    const { table, attachmentUids } = await plan(
      domain('d', 'x'),
      attachment('a', toDomain('d'), { metadata: LEAVING }),
      task('t'),
    )
    expect(table.http).toEqual([])
    expect([...attachmentUids]).toEqual([])
  })

  test('that is not there is not said to be honoured', async () => {
    const { table, attachmentUids } = await plan(attachment('a', toDomain('d')), task('t'))
    expect(table.http).toEqual([])
    expect([...attachmentUids]).toEqual([])
  })
})

test('a port is opened at its address, and leads to the target port', async () => {
  const target = { type: 'port', address: '127.0.0.1', port: 8081, targetPort: 80 } as const
  const { table, routed } = await plan(
    attachment('a', target),
    task('t', { address: '172.30.0.2' }),
  )
  expect(table.ports).toEqual([
    {
      uid: 'a',
      address: '127.0.0.1',
      port: 8081,
      endpoints: [{ taskUid: 't', incarnation: 't@1', address: '172.30.0.2', port: 80 }],
    },
  ])
  expect([...routed]).toEqual([['t', 't@1']])
})

describe('a database', () => {
  test('lets in the tasks it is attached to, from the moment they have an address', async () => {
    const { table, routed, attachmentUids } = await plan(
      database,
      device('172.30.0.9:5432'),
      attachment('a', toDatabase),
      task('t1', { state: 'starting', address: '172.30.0.3' }),
      task('t2', { state: 'unhealthy', address: '172.30.0.2' }),
      task('t3', { address: '172.30.0.4' }, LEAVING),
      taskOf('api', 't4', { address: '172.30.0.5' }),
    )
    expect(table.gateway).toEqual([
      {
        uid: 'db',
        port: 20_000,
        upstreams: [{ address: '172.30.0.9', port: 5432 }],
        admitted: ['172.30.0.2', '172.30.0.3', '172.30.0.4'],
      },
    ])
    expect([...routed]).toEqual([])
    expect([...attachmentUids]).toEqual(['a'])
  })

  test.each(['pending', 'exited', 'lost', 'waiting'] as const)(
    'does not let in the address of a task that is %s: it may be a stranger’s by now',
    async (state) => {
      const { incarnation: _, ...gone } = task('t').status
      const stale = { ...task('t'), status: { ...gone, state, address: '172.30.0.2' } }
      const { table } = await plan(
        database,
        device('172.30.0.9:5432'),
        attachment('a', toDatabase),
        stale,
      )
      expect(table.gateway[0]?.admitted).toEqual([])
    },
  )

  test('that two services are given has one route, and lets both in', async () => {
    const { table } = await plan(
      database,
      device('172.30.0.9:5432'),
      attachment('a', toDatabase),
      attachment('b', toDatabase, { service: 'api' }),
      attachment('c', toDatabase),
      task('t1', { address: '172.30.0.2' }),
      taskOf('api', 't2', { address: '172.30.0.3' }),
    )
    expect(table.gateway).toHaveLength(1)
    expect(table.gateway[0]?.admitted).toEqual(['172.30.0.2', '172.30.0.3'])
  })

  test.each<[string, readonly PolisObject[]]>([
    ['whose device has no address yet', [database, device(undefined)]],
    ['whose device is gone', [database]],
    ['that is gone', [device('172.30.0.9:5432')]],
  ])('%s has no route, and is not said to have one', async (_, objects) => {
    const { table, attachmentUids } = await plan(...objects, attachment('a', toDatabase), task('t'))
    expect(table.gateway).toEqual([])
    expect([...attachmentUids]).toEqual([])
  })

  test('is not reached by a service whose attachment goes', async () => {
    const { table } = await plan(
      database,
      device('172.30.0.9:5432'),
      attachment('a', toDatabase, { metadata: LEAVING }),
      task('t'),
    )
    expect(table.gateway).toEqual([])
  })
})

test('what tasks find in files is nothing to the edge', async () => {
  const { table, attachmentUids } = await plan(
    attachment('a', { type: 'volume', volumeUid: 'v', isReadOnly: false }),
    attachment('b', { type: 'secret', secretUid: 's' }),
    task('t'),
  )
  expect(table).toEqual({ http: [], ports: [], gateway: [], certificates: [] })
  expect([...attachmentUids]).toEqual([])
})

test('equal worlds make equal tables, in whatever order they are told', async () => {
  const world: readonly PolisObject[] = [
    ...['d1', 'd2', 'd3'].map((uid) => domain(uid, `${uid}.example`)),
    ...['d3', 'd1', 'd2'].map((uid) => attachment(`to-${uid}`, toDomain(uid))),
    attachment('a', toDatabase),
    attachment('p', { type: 'port', address: '::', port: 1, targetPort: 2 }),
    ...['t', 'tt', 'ttt'].map((uid) => task(uid)),
    database,
    device('172.30.0.9:5432'),
  ]
  const { table } = await plan(...world)
  await fc.assert(
    fc.asyncProperty(
      fc.shuffledSubarray([...world], { minLength: world.length }),
      async (shuffled) => {
        const named = new Map(shuffled.map((member, index) => [member.metadata.uid, `${index}`]))
        expect(named.size).toBe(world.length)
        expect((await plan(...shuffled)).table).toEqual(table)
      },
    ),
    { numRuns: 20 },
  )
})

test('a service is sent traffic when it has a domain or a port that stays', () => {
  const port: AttachmentTarget = { type: 'port', address: '::', port: 1, targetPort: 2 }
  expect(isServiceRouted([])).toBe(false)
  expect(isServiceRouted([attachment('a', toDatabase)])).toBe(false)
  expect(isServiceRouted([attachment('a', toDatabase), attachment('b', port)])).toBe(true)
  expect(isServiceRouted([attachment('b', toDomain('d'))])).toBe(true)
  expect(isServiceRouted([attachment('b', port, { metadata: LEAVING })])).toBe(false)
})
