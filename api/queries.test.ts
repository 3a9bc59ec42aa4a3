import { newUid } from '@polis/lib/uid'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { TestApi, textAt } from './test-api.ts'
import { meta } from './test-kernel.ts'

let api: TestApi

beforeAll(async () => {
  api = await TestApi.open()
  const { kernel } = api
  const project = kernel.defaultProjectUid
  const node = meta('node-1')
  const device = meta('disk')
  const volume = meta('data', project)
  await kernel.create(
    { kind: 'Node', metadata: node, spec: { isSchedulable: true, labels: { zone: 'a' } } },
    {
      kind: 'Device',
      metadata: device,
      spec: {
        driver: 'bind-mount',
        class: 'volume-host',
        nodeUid: node.uid,
        parameters: { roots: ['/srv'] },
      },
    },
    {
      kind: 'Volume',
      metadata: volume,
      spec: { deviceUid: device.uid, isExclusive: false },
    },
    { kind: 'Secret', metadata: meta('key', project), spec: { sealedValue: 'sealed', version: 1 } },
  )
  const application = meta('shop', project)
  const instance = meta('shop', project)
  const image = meta('web', project)
  const service = { ...meta('shop-web', project), ownerUid: instance.uid }
  await kernel.create(
    { kind: 'Application', metadata: application, spec: {} },
    {
      kind: 'Instance',
      metadata: instance,
      spec: {
        applicationUid: application.uid,
        revisionUid: newUid(),
        overrides: { web: { replicas: 3 } },
        isStopped: false,
      },
    },
    {
      kind: 'Image',
      metadata: image,
      spec: { source: { type: 'reference', reference: 'web:1' } },
    },
    {
      kind: 'Service',
      metadata: service,
      spec: {
        instanceUid: instance.uid,
        revisionUid: newUid(),
        imageUid: image.uid,
        serviceName: 'web',
        replicas: 3,
        template: {
          image: 'web@sha256:1',
          stopGracePeriodMs: 10_000,
          environment: { A: 'b' },
          environmentFrom: { DB: { alias: 'main', key: 'uri', version: 1 } },
          labels: {},
          resources: { memoryBytes: 2 ** 33 },
          mounts: [],
          aliases: ['web'],
        },
        dependsOn: [],
        updateOrder: 'start-first',
        exposedPorts: [80],
      },
    },
    {
      kind: 'Attachment',
      metadata: meta('web-data', project),
      spec: {
        serviceUid: service.uid,
        alias: 'data',
        layer: 'operator',
        target: { type: 'volume', volumeUid: volume.uid, isReadOnly: false },
      },
    },
  )
})
afterAll(() => api[Symbol.asyncDispose]())

test('objects are reached from one another, with their spec and status', async () => {
  const answer = await api.ask(`{
    instance(name: "shop") {
      kind name project { name } isReady
      spec { isStopped overrides { serviceName replicas } }
      application { name }
      services {
        spec { replicas updateOrder template { environment resources { memoryBytes } environmentFrom { variable alias key } } }
        image { spec { source { ... on FetchedImage { reference } } } }
        attachments { spec { layer target { __typename ... on VolumeTarget { volume { name device { name node { name spec { labels } } } } } } } }
      }
    }
  }`)
  expect(answer).toMatchSnapshot()
})

test('an object is found by its uid, whatever its kind, and its holders are listed', async () => {
  const found = await api.ask('{ volume(name: "data") { uid } }')
  const uid = textAt(found, 'volume', 'uid')
  const answer = await api.ask(
    'query($uid: ID!) { resource(uid: $uid) { kind name heldBy { kind name } ... on Volume { spec { isExclusive } } } }',
    { uid },
  )
  expect(answer.data).toEqual({
    resource: {
      kind: 'Volume',
      name: 'data',
      heldBy: [{ kind: 'Attachment', name: 'web-data' }],
      spec: { isExclusive: false },
    },
  })
})

test('what is not there is null, what cannot be is an error with its path', async () => {
  expect(await api.ask('{ volume(name: "nothing") { uid } }')).toEqual({ data: { volume: null } })
  const answer = await api.ask('{ volume(name: "data", project: "nowhere") { uid } }')
  expect(answer.errors?.[0]?.extensions).toMatchObject({ code: 'NotFound', path: 'project' })
})
