import { newUid } from '@polis/lib/uid'
import { meta, type TestKernel } from './test-kernel.ts'

/** An installation of one node with a small application on it: one of each kind, hand-made, none of it ready. */
export async function createShop(kernel: TestKernel): Promise<void> {
  const project = kernel.defaultProjectUid
  const attachables = await createPlatform(kernel, project)
  const application = meta('shop', project)
  const instance = meta('shop', project)
  const revision = meta('shop-1', project)
  const image = meta('web', project)
  const service = { ...meta('shop-web', project), ownerUid: instance.uid }
  const template = {
    image: 'web@sha256:1',
    stopGracePeriodMs: 10_000,
    environment: { A: 'b' },
    environmentFrom: { DB: { alias: 'main', key: 'uri', version: 1 } },
    labels: {},
    resources: { memoryBytes: 2 ** 33 },
    mounts: [],
    aliases: ['web'],
  }
  await kernel.create(
    { kind: 'Application', metadata: application, spec: {} },
    {
      kind: 'Image',
      metadata: image,
      spec: { source: { type: 'reference', reference: 'web:1' } },
    },
    {
      kind: 'Revision',
      metadata: revision,
      spec: {
        instanceUid: instance.uid,
        number: 1,
        files: [{ path: 'compose.yaml', text: 'services: {}' }],
        model: {},
      },
    },
    {
      kind: 'Instance',
      metadata: instance,
      spec: {
        applicationUid: application.uid,
        revisionUid: revision.uid,
        overrides: { web: { replicas: 3 } },
        isStopped: false,
      },
    },
    {
      kind: 'Service',
      metadata: service,
      spec: {
        instanceUid: instance.uid,
        revisionUid: revision.uid,
        imageUid: image.uid,
        serviceName: 'web',
        replicas: 3,
        template,
        dependsOn: [],
        updateOrder: 'start-first',
        exposedPorts: [80],
      },
    },
    {
      kind: 'Task',
      metadata: { ...meta('shop-web-1', project), ownerUid: service.uid },
      spec: {
        serviceUid: service.uid,
        revisionUid: revision.uid,
        slot: 1,
        template,
        templateHash: 'hash',
      },
    },
  )
  const { volume, database, domain, secret } = attachables
  const targets = [
    { type: 'volume' as const, volumeUid: volume, isReadOnly: false },
    { type: 'database' as const, databaseUid: database, environment: { DB: 'uri' } },
    { type: 'domain' as const, domainUid: domain, port: 80 },
    { type: 'port' as const, address: '0.0.0.0', port: 8080, targetPort: 80 },
    { type: 'secret' as const, secretUid: secret },
  ]
  await kernel.create(
    ...targets.map((target) => ({
      kind: 'Attachment' as const,
      metadata: meta(`web-${target.type}`, project),
      spec: { serviceUid: service.uid, alias: target.type, layer: 'operator' as const, target },
    })),
  )
}

interface Attachables {
  readonly volume: string
  readonly database: string
  readonly domain: string
  readonly secret: string
}

async function createPlatform(kernel: TestKernel, project: string): Promise<Attachables> {
  const node = meta('node-1')
  const disk = meta('disk')
  const volume = meta('data', project)
  const database = meta('orders', project)
  const domain = meta('shop.example', project)
  const secret = meta('key', project)
  await kernel.create(
    { kind: 'Node', metadata: node, spec: { isSchedulable: true, labels: { zone: 'a' } } },
    { kind: 'Driver', metadata: meta('bind-mount'), spec: {} },
    {
      kind: 'Device',
      metadata: disk,
      spec: {
        driver: 'bind-mount',
        class: 'volume-host',
        nodeUid: node.uid,
        parameters: { roots: ['/srv'] },
      },
    },
    { kind: 'Volume', metadata: volume, spec: { deviceUid: disk.uid, isExclusive: false } },
    { kind: 'Secret', metadata: secret, spec: { sealedValue: newUid(), version: 1 } },
    { kind: 'Config', metadata: meta('conf', project), spec: { content: 'listen 80;\n' } },
    { kind: 'Domain', metadata: domain, spec: { host: 'shop.example', tls: 'off' } },
    {
      kind: 'Database',
      metadata: database,
      spec: {
        deviceUid: disk.uid,
        databaseName: 'orders',
        roleName: 'orders',
        passwordUid: secret.uid,
        gatewayPort: 20_000,
      },
    },
  )
  return { volume: volume.uid, database: database.uid, domain: domain.uid, secret: secret.uid }
}
