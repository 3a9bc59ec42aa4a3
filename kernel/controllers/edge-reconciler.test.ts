import { FakeIngress } from '@polis/hal/ingress/fake'
import type { Ports } from '@polis/hal/ports'
import { silentLogger } from '@polis/lib/logger'
import { NOT_OBSERVED } from '@polis/resources/object'
import type { KindName, PolisObject } from '@polis/resources/registry'
import { expect, test } from 'vitest'
import { SecretSealer } from '../identity/secret-sealing.ts'
import { openMemoryJournal } from '../journal/memory-journal.ts'
import { toDocument } from '../objects/codec.ts'
import { objectKey } from '../objects/keys.ts'
import { Objects } from '../objects/objects.fixture.ts'
import { EdgeReconciler } from './edge-reconciler.ts'

/** A node with an edge, on a clock that stands still. */
class Scene implements AsyncDisposable {
  readonly objects: Objects
  readonly ingress: FakeIngress
  readonly #reconciler: EdgeReconciler

  private constructor(objects: Objects) {
    const { cache, writer, clock } = objects
    this.objects = objects
    this.ingress = new FakeIngress({ clock })
    // This reconciler asks for no other class.
    const ports = { ingress: this.ingress } as unknown as Ports
    this.#reconciler = new EdgeReconciler({
      cache,
      writer,
      clock,
      devices: { port: (deviceClass) => ports[deviceClass] },
      journal: openMemoryJournal({ clock }),
      logger: silentLogger,
      sealer: new SecretSealer([{ id: 'k1', bytes: new Uint8Array(32) }]),
    })
    // As a controller does: the reconciler hears of every event.
    cache.subscribe((events) => {
      for (const event of events) this.#reconciler.keysOf(event)
    })
  }

  static async open(): Promise<Scene> {
    const scene = new Scene(await Objects.open())
    await scene.put('Node', 'n1', { isSchedulable: true, labels: {} })
    const device = { driver: 'haproxy', class: 'ingress' as const, nodeUid: 'n1', parameters: {} }
    await scene.put('Device', 'edge', device)
    return scene
  }

  /** A domain that leads to a service of its own, without tasks. */
  async addDomain(uid: string, host: string): Promise<void> {
    await this.put('Domain', uid, { host, tls: 'off' })
    const target = { type: 'domain', domainUid: uid, port: 8080 } as const
    await this.put('Attachment', `to-${uid}`, {
      serviceUid: `service-${uid}`,
      alias: host,
      layer: 'file',
      target,
    })
  }

  async addTask(uid: string, serviceUid: string): Promise<void> {
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
    const spec = { serviceUid, revisionUid: 'r', slot: 1, template, templateHash: 'h' }
    await this.put('Task', uid, spec, {
      metadata: { ownerUid: serviceUid },
      status: {
        state: 'running',
        message: '',
        incarnation: `${uid}@1`,
        address: '172.30.0.2',
        nodeUid: 'n1',
        restarts: 0,
        mountedAttachmentUids: [],
      },
    })
  }

  /** Tasks that are marked as sent traffic. */
  get routed(): readonly string[] {
    const tasks = this.objects.cache.list('Task')
    const routed = tasks.filter(({ status }) => status.routedIncarnation === status.incarnation)
    return routed.map(({ metadata }) => metadata.uid).toSorted()
  }

  async remove(uid: string): Promise<void> {
    const { store, cache } = this.objects
    const { revision } = await store.transact({ writes: [{ remove: objectKey(uid) }] })
    await cache.caughtUp(revision)
  }

  async put<Name extends KindName>(
    kind: Name,
    uid: string,
    spec: PolisObject<Name>['spec'],
    part: { readonly metadata?: object; readonly status?: object } = {},
  ): Promise<void> {
    const { store, cache, clock } = this.objects
    const createdAt = clock.now().toISOString()
    const metadata = { uid, name: uid, generation: 1, createdAt, ...part.metadata }
    const facts = kind === 'Device' ? { facts: {} } : {}
    const status = { ...NOT_OBSERVED, ...facts, ...part.status }
    const object = { kind, metadata, spec, status } as unknown as PolisObject
    const { revision } = await store.transact({
      writes: [{ put: objectKey(uid), value: toDocument(object) }],
    })
    await cache.caughtUp(revision)
  }

  async reconcile(): Promise<void> {
    await this.#reconciler.reconcile('n1', new AbortController().signal)
  }

  /** The edge loses its routes, and nobody is told. */
  async loseRoutes(): Promise<void> {
    await this.ingress.removeDevice({}, new AbortController().signal)
  }

  get hosts(): readonly string[] {
    return this.ingress.table.http.map(({ host }) => host).toSorted()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.objects[Symbol.asyncDispose]()
  }
}

test('the edge is told of what changed at once', async () => {
  await using scene = await Scene.open()
  await scene.addDomain('d1', 'shop.example')
  await scene.reconcile()
  expect(scene.hosts).toEqual(['shop.example'])
  await scene.addDomain('d2', 'www.shop.example')
  await scene.reconcile()
  expect(scene.hosts).toEqual(['shop.example', 'www.shop.example'])
})

test('the edge is not told again of what it knows, but every minute in case it forgot', async () => {
  await using scene = await Scene.open()
  await scene.addDomain('d1', 'shop.example')
  await scene.reconcile()
  await scene.loseRoutes()
  scene.objects.clock.advance(59_000)
  await scene.reconcile()
  expect(scene.hosts).toEqual([])
  scene.objects.clock.advance(1_000)
  await scene.reconcile()
  expect(scene.hosts).toEqual(['shop.example'])
})

test('an edge whose device came up anew is told at once', async () => {
  await using scene = await Scene.open()
  await scene.addDomain('d1', 'shop.example')
  await scene.reconcile()
  await scene.loseRoutes()
  const device = scene.objects.cache.get('Device', 'edge')
  const ready = { type: 'Ready', status: 'True', reason: 'Up', message: '' } as const
  const since = scene.objects.clock.now().toISOString()
  const status = { ...device.status, conditions: [{ ...ready, since }] }
  await scene.objects.writer.commit([{ type: 'status', before: device, status }])
  await scene.reconcile()
  expect(scene.hosts).toEqual(['shop.example'])
})

test('an edge that failed is told again, also of what it knew before', async () => {
  await using scene = await Scene.open()
  await scene.addDomain('d1', 'shop.example')
  await scene.reconcile()
  await scene.addDomain('d2', 'www.shop.example')
  scene.ingress.setAway(true)
  await expect(scene.reconcile()).rejects.toMatchObject({ code: 'Unavailable' })
  scene.ingress.setAway(false)
  await scene.loseRoutes()
  await scene.remove('to-d2')
  await scene.reconcile()
  expect(scene.hosts).toEqual(['shop.example'])
})

test('a task that stops serving is out of the table, and its mark is taken away', async () => {
  await using scene = await Scene.open()
  await scene.addDomain('d1', 'shop.example')
  await scene.addDomain('d2', 'www.shop.example')
  await scene.addTask('t1', 'service-d1')
  await scene.addTask('t2', 'service-d2')
  await scene.reconcile()
  expect(scene.routed).toEqual(['t1', 't2'])
  expect(scene.ingress.endpointsFor('shop.example')).toHaveLength(1)
  const { cache, writer } = scene.objects
  const before = cache.get('Task', 't1')
  const status = { ...before.status, state: 'unhealthy' as const }
  await writer.commit([{ type: 'status', before, status }])
  await scene.reconcile()
  expect(scene.routed).toEqual(['t2'])
  expect(scene.ingress.endpointsFor('shop.example')).toEqual([])
  expect(scene.ingress.endpointsFor('www.shop.example')).toHaveLength(1)
})

test('a service that loses its domain loses its route and its marks', async () => {
  await using scene = await Scene.open()
  await scene.addDomain('d1', 'shop.example')
  await scene.addTask('t1', 'service-d1')
  await scene.reconcile()
  expect(scene.routed).toEqual(['t1'])
  await scene.remove('to-d1')
  await scene.reconcile()
  expect([scene.hosts, scene.routed]).toEqual([[], []])
})
