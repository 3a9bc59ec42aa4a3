import type { BuilderPort } from '@polis/hal/builder'
import { FakeBuilder } from '@polis/hal/builder/fake'
import { FakeDatabaseServer } from '@polis/hal/database/fake'
import type { DeviceClass, DriverManifest } from '@polis/hal/driver'
import { FakeIngress } from '@polis/hal/ingress/fake'
import { FakeOrchestrator } from '@polis/hal/orchestrator/fake'
import { FakeEngine } from '@polis/hal/orchestrator/fake-engine'
import type { Devices, Ports } from '@polis/hal/ports'
import { FakeRegistry } from '@polis/hal/registry/fake'
import { FakeVolumeHost } from '@polis/hal/volume-host/fake'
import type { Journal } from '@polis/kernel/journal'
import { openMemoryJournal } from '@polis/kernel/journal/memory'
import type { BlobStore } from '@polis/kernel/kernel'
import { PolisKernel } from '@polis/kernel/polis-kernel'
import { type SealingKey, SecretSealer } from '@polis/kernel/secret-sealing'
import type { Store } from '@polis/kernel/store'
import { openMemoryStore } from '@polis/kernel/store/memory'
import { PolisError } from '@polis/lib/error'
import { type Logger, silentLogger } from '@polis/lib/logger'
import { newUid } from '@polis/lib/uid'
import { createHash } from 'node:crypto'
import type { CrashPoint } from './crash-point.ts'
import { systemClock } from './driver-host.ts'

const MANIFESTS: readonly DriverManifest[] = [
  manifest('swarm', 'orchestrator'),
  manifest('bind-mount', 'volume-host'),
  manifest('haproxy', 'ingress'),
  manifest('docker', 'builder'),
  {
    ...manifest('postgresql', 'database'),
    capabilities: { bindingType: 'postgresql', uriScheme: 'postgresql' },
  },
]

export interface FakeWorldParts {
  /** Default: in memory, as the journal. */
  readonly store?: Store
  readonly journal?: Journal
  /** Stands between the kernel and the fakes. */
  readonly wrap?: (devices: Devices) => Devices
}

/** An installation on fakes: the real kernel with a store in memory, and a world that tests play with. */
export class FakeWorld implements AsyncDisposable {
  readonly engine = new FakeEngine({
    clock: systemClock,
    images: [
      {
        id: `sha256:${'1'.repeat(64)}`,
        names: ['nginx:1'],
        exposedPorts: ['80/tcp'],
        programs: { crash: { exitCode: 3, output: [{ source: 'stderr', text: 'boom' }] } },
      },
    ],
    restartDelayMs: 20,
  })
  readonly orchestrator = new FakeOrchestrator(this.engine)
  readonly ingress = new FakeIngress({ clock: systemClock, gatewayAddress: '172.30.0.1' })
  readonly volumeHost = new FakeVolumeHost({ allowedRoots: ['/srv'] })
  readonly database = new FakeDatabaseServer()
  readonly builder = new FakeBuilder()
  readonly registry = new FakeRegistry()
  readonly store: Store
  readonly journal: Journal
  readonly blobs = new MemoryBlobs()
  readonly installationUid = newUid()
  /** The newest first; a new kernel reads them. */
  keys: readonly [SealingKey, ...SealingKey[]] = [{ id: 'k1', bytes: new Uint8Array(32) }]
  kernel: PolisKernel
  readonly #wrap: (devices: Devices) => Devices
  #stopping = new AbortController()
  #running: Promise<void> = Promise.resolve()

  constructor(crash?: CrashPoint, parts: FakeWorldParts = {}) {
    this.store = parts.store ?? openMemoryStore({ clock: systemClock })
    this.journal = parts.journal ?? openMemoryJournal({ clock: systemClock })
    this.#wrap = parts.wrap ?? ((devices) => devices)
    this.kernel = this.#newKernel(crash)
  }

  /** A world with one node connected and all its standard devices asked for. */
  static async open(parts: FakeWorldParts = {}): Promise<FakeWorld> {
    const world = new FakeWorld(undefined, parts)
    await world.start()
    return world
  }

  /** Starts the kernel; the node's agent connects. */
  async start(): Promise<void> {
    this.#stopping = new AbortController()
    this.#running = this.kernel.run(this.#stopping.signal)
    const ready = async (): Promise<void> => {
      while (!this.kernel.isReady()) await systemClock.sleep(1, AbortSignal.timeout(5_000))
    }
    await Promise.race([ready(), this.#running])
    const [node] = this.kernel.reader(root).list('Node')
    const uid = node?.metadata.uid ?? (await this.kernel.nodes.enrolled('node-1'))
    await this.kernel.nodes.connected(uid, MANIFESTS)
  }

  /** Ends the kernel as a stop of its process would; the world goes on. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await Promise.allSettled([this.#running])
  }

  /** A new kernel on the same store, as a restarted process. */
  async restart(crash?: CrashPoint): Promise<void> {
    await this.stop()
    this.kernel = this.#newKernel(crash)
    await this.start()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
    await this.store.close()
    await this.journal.close()
  }

  #newKernel(crash: CrashPoint | undefined): PolisKernel {
    const devices = this.#wrap(this.#devices())
    return new PolisKernel({
      installationUid: this.installationUid,
      store: crash?.store(this.store) ?? this.store,
      journal: crash?.journal(this.journal) ?? this.journal,
      blobs: this.blobs,
      devices: crash?.devices(devices) ?? devices,
      clock: systemClock,
      logger: process.env['POLIS_TEST_LOG'] === undefined ? silentLogger : consoleLogger,
      random: () => 0.5,
      sealer: new SecretSealer(this.keys),
      standardDevices: [
        { driver: 'swarm', name: 'swarm', parameters: {} },
        { driver: 'bind-mount', name: 'volumes', parameters: {} },
        { driver: 'haproxy', name: 'edge', parameters: {} },
        { driver: 'docker', name: 'builder', parameters: {} },
      ],
      joinTokenText: (secret) => secret,
      resyncMs: 60_000,
    })
  }

  #devices(): Devices {
    const ports: Ports = {
      orchestrator: this.orchestrator,
      ingress: this.ingress,
      'volume-host': this.volumeHost,
      database: this.database,
      builder: this.#buildingFor(this.engine),
      registry: this.registry,
    }
    return { port: (deviceClass) => ports[deviceClass] }
  }

  /** What is built here can be run there, as with one Docker behind both. */
  #buildingFor(engine: FakeEngine): BuilderPort {
    const { builder } = this
    return {
      ensureDevice: (input, signal) => builder.ensureDevice(input, signal),
      observeDevice: (input, signal) => builder.observeDevice(input, signal),
      removeDevice: (input, signal) => builder.removeDevice(input, signal),
      removeImage: (input, signal) => builder.removeImage(input, signal),
      listImages: (input, signal) => builder.listImages(input, signal),
      async *build(input, signal) {
        for await (const progress of builder.build(input, signal)) {
          if (progress.type === 'built') {
            engine.addImage({
              id: progress.imageId,
              names: [input.tag],
              exposedPorts: ['8080/tcp'],
            })
          }
          yield progress
        }
      },
    }
  }
}

/** Somebody who may do everything. */
export const root = {
  userUid: undefined,
  name: 'root',
  tokenUid: undefined,
  roleIn: () => 'administrator' as const,
  hasAnyRole: true,
}

/** Uploaded folders in memory. */
class MemoryBlobs implements BlobStore {
  readonly #blobs = new Map<string, Uint8Array<ArrayBuffer>>()

  async put(bytes: ReadableStream<Uint8Array>, maxBytes: number): Promise<string> {
    const parts: Uint8Array[] = []
    for await (const part of bytes) parts.push(part)
    const whole = new Uint8Array(Buffer.concat(parts))
    if (whole.length > maxBytes) throw new PolisError('ResourceExhausted', 'too large')
    const digest = `sha256:${createHash('sha256').update(whole).digest('hex')}`
    this.#blobs.set(digest, whole)
    return digest
  }

  async open(digest: string): Promise<ReadableStream<Uint8Array>> {
    const bytes = this.#blobs.get(digest)
    if (bytes === undefined) throw new PolisError('NotFound', `no blob ${digest}`)
    return new Blob([bytes]).stream()
  }

  async has(digest: string): Promise<boolean> {
    return this.#blobs.has(digest)
  }
}

function manifest(name: string, deviceClass: DeviceClass): DriverManifest {
  return { name, class: deviceClass, version: '1', summary: name, parameters: {}, capabilities: {} }
}

/** For a person who looks for a fault: POLIS_TEST_LOG=1. */
const consoleLogger: Logger = {
  debug: (message, fields) => print('debug', message, fields),
  info: (message, fields) => print('info', message, fields),
  warn: (message, fields) => print('warn', message, fields),
  error: (message, fields) => print('error', message, fields),
  child: () => consoleLogger,
}

function print(level: string, message: string, fields: unknown): void {
  process.stderr.write(`${level} ${message} ${JSON.stringify(fields)}\n`)
}
