import { expect, test } from 'vitest'
import { type AttachmentTarget, attachmentKind } from './attachment.ts'
import { databaseKind } from './database.ts'
import { domainKind } from './domain.ts'
import { revisionKind } from './revision.ts'
import { roleBindingKind } from './role-binding.ts'
import { serviceKind, type ServiceSpec } from './service.ts'
import { taskKind } from './task.ts'
import { volumeKind } from './volume.ts'

function attachment(
  target: AttachmentTarget,
  alias = 'x',
): Parameters<typeof attachmentKind.claims>[0] {
  return { serviceUid: 'web', alias, layer: 'file', target }
}

test('a domain belongs to one owner, and leads to one service', () => {
  expect(domainKind.claims({ host: 'shop.example', tls: 'off' })).toEqual(['domain/shop.example'])
  const [own, routed] = attachmentKind.claims(
    attachment({ type: 'domain', domainUid: 'd1', port: 80 }, 'shop.example'),
  )
  expect([own, routed]).toEqual(['attachment/web/domain/shop.example', 'routed-domain/d1'])
})

test('a port is taken once, whatever the address, for the wildcard and another cannot be had side by side', () => {
  const onAll = attachment({ type: 'port', address: '0.0.0.0', port: 8080, targetPort: 80 }, 'a')
  const onOne = attachment({ type: 'port', address: '127.0.0.1', port: 8080, targetPort: 81 }, 'b')
  expect(attachmentKind.claims(onAll)).toContain('port/8080')
  expect(attachmentKind.claims(onOne)).toContain('port/8080')
})

test('two attachments of one sort need two names; of two sorts they may share one', () => {
  const claimOf = (target: AttachmentTarget): string | undefined =>
    attachmentKind.claims(attachment(target))[0]
  const database = { type: 'database', environment: {} } as const
  expect(claimOf({ ...database, databaseUid: 'a' })).toBe(
    claimOf({ ...database, databaseUid: 'b' }),
  )
  expect(claimOf({ ...database, databaseUid: 'a' })).not.toBe(
    claimOf({ type: 'secret', secretUid: 'a' }),
  )
})

test.each<[AttachmentTarget, readonly string[]]>([
  [{ type: 'domain', domainUid: 'd', port: 80 }, ['web', 'd']],
  [{ type: 'database', databaseUid: 'd', environment: {} }, ['web', 'd']],
  [{ type: 'volume', volumeUid: 'd', isReadOnly: false }, ['web', 'd']],
  [{ type: 'secret', secretUid: 'd' }, ['web', 'd']],
  [{ type: 'port', address: '::', port: 1, targetPort: 2 }, ['web']],
])('what is attached cannot go while it is: %o', (target, uids) => {
  expect(attachmentKind.references(attachment(target))).toEqual(
    uids.map((uid) => ({ uid, isGuarding: true })),
  )
})

test('a database claims its port of the gateway and its names in its engine', () => {
  const spec = {
    deviceUid: 'pg',
    databaseName: 'shop',
    roleName: 'shop',
    passwordUid: 'pw',
    gatewayPort: 20_000,
  }
  expect(databaseKind.claims(spec)).toEqual([
    'gateway-port/20000',
    'database/pg/shop',
    'database-role/pg/shop',
  ])
  expect(databaseKind.references(spec)).toEqual([
    { uid: 'pg', isGuarding: true },
    { uid: 'pw', isGuarding: true },
  ])
})

test('a database in the bin still claims and guards: nobody may take its place', () => {
  const spec = {
    deviceUid: 'pg',
    databaseName: 'shop',
    roleName: 'shop',
    passwordUid: 'pw',
    gatewayPort: 20_000,
  }
  const binned = { ...spec, binnedAt: '2026-01-01T00:00:00Z' }
  expect(databaseKind.claims(binned)).toEqual(databaseKind.claims(spec))
  expect(databaseKind.references(binned)).toEqual(databaseKind.references(spec))
  expect(volumeKind.references({ deviceUid: 'host', isExclusive: true, binnedAt: 'x' })).toEqual([
    { uid: 'host', isGuarding: true },
  ])
})

test('a revision number is given once in an instance', () => {
  const spec = { number: 2, files: [], model: {} }
  expect(revisionKind.claims({ ...spec, instanceUid: 'a' })).toEqual(['revision/a/2'])
  expect(revisionKind.claims({ ...spec, instanceUid: 'b' })).toEqual(['revision/b/2'])
})

test('a user has one role in a project, and one everywhere', () => {
  const spec = { userUid: 'u', role: 'viewer' } as const
  expect(roleBindingKind.claims(spec)).toEqual(['role/u/*'])
  expect(roleBindingKind.claims({ ...spec, projectUid: 'p' })).toEqual(['role/u/p'])
  expect(roleBindingKind.references({ ...spec, projectUid: 'p' })).toEqual([
    { uid: 'u', isGuarding: true },
    { uid: 'p', isGuarding: true },
  ])
})

test('a service and its tasks hold the volumes they mount, and the service its image', () => {
  const template: ServiceSpec['template'] = {
    image: 'sha256:1',
    stopGracePeriodMs: 0,
    environment: {},
    environmentFrom: {},
    labels: {},
    resources: {},
    mounts: [{ volumeUid: 'v', target: '/data', isReadOnly: false }],
    aliases: [],
  }
  const service = serviceKind.references({
    instanceUid: 'i',
    revisionUid: 'r',
    imageUid: 'img',
    serviceName: 'web',
    replicas: 1,
    template,
    dependsOn: [],
    updateOrder: 'start-first',
    exposedPorts: [],
  })
  expect(service.filter(({ isGuarding }) => isGuarding).map(({ uid }) => uid)).toEqual(['img', 'v'])
  const task = { serviceUid: 's', revisionUid: 'r', slot: 1, template, templateHash: 'h' }
  expect(taskKind.references(task)).toEqual([
    { uid: 's', isGuarding: false },
    { uid: 'v', isGuarding: true },
  ])
})
