// The container a registry runs in: installed, mended, observed, taken away.
import { createHash } from 'node:crypto'
import { mkdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { DockerClient } from '@polis/engine-docker/client'
import { lastOutput } from '@polis/engine-docker/container-logs'
import type { ContainerSpec } from '@polis/engine-docker/container-spec'
import {
  ensureContainer,
  findContainer,
  removeContainer,
  stopContainer,
} from '@polis/engine-docker/containers'
import { exec } from '@polis/engine-docker/exec'
import { findImage, pullImage } from '@polis/engine-docker/images'
import { ensureBridge, removeNetwork } from '@polis/engine-docker/networks'
import { ensureStockImage } from '@polis/engine-docker/stock-images'
import type { DeviceIdentity, DriverHost, ObservedDevice } from '@polis/hal/driver'
import { PolisError } from '@polis/lib/error'
import { until } from '@polis/lib/until'
import { z } from 'zod'
import {
  ensureCertificate,
  ensureFile,
  findCertificate,
  type KeptCertificate,
} from './certificate.ts'
import type { Parameters } from './config.ts'
import { RegistryClient } from './registry-client.ts'
import { ensureTrust, removeTrust } from './trust.ts'

const CONFIG_PATH = '/polis/config/config.yml'
const INNER_PORT = 5000
const READY_MS = 60_000
const GRACE_SECONDS = 20
const MAX_FAILED_STARTS = 3

const CONFIG = `version: 0.1
log:
  level: warn
storage:
  filesystem:
    rootdirectory: /var/lib/registry
  delete:
    enabled: true
http:
  addr: :${INNER_PORT}
  tls:
    certificate: /polis/tls/tls.crt
    key: /polis/tls/tls.key
    minimumtls: tls1.2
    clientcas:
      - /polis/tls/ca.crt
  headers:
    X-Content-Type-Options: [nosniff]
`

const Place = z.strictObject({
  /** `host:port`, as in the names of its images. */
  address: z.string(),
  network: z.strictObject({ subnet: z.string(), gateway: z.string() }),
})

export interface RegistryDeviceDeps {
  readonly docker: DockerClient
  readonly stockImagesDir: string
  readonly device: DeviceIdentity
  readonly host: DriverHost
  readonly parameters: Parameters
}

/** A registry that serves, and the address it has in image names. */
export interface ServingRegistry {
  readonly address: string
  readonly client: RegistryClient
}

export class RegistryDevice {
  readonly #deps: RegistryDeviceDeps

  constructor(deps: RegistryDeviceDeps) {
    this.#deps = deps
  }

  /** Where the images are kept on the node. */
  get dataFolder(): string {
    return join(this.#deps.host.dataDir, 'images')
  }

  async ensure(signal: AbortSignal): Promise<ObservedDevice> {
    await this.#bring(signal, false)
    return this.observe(signal)
  }

  async observe(signal: AbortSignal): Promise<ObservedDevice> {
    const container = await findContainer(this.#deps.docker, this.#containerName, signal)
    if (container === undefined || !container.isRunning) {
      const message = container === undefined ? 'not installed' : `container ${container.status}`
      return { isReady: false, message, facts: {} }
    }
    try {
      const { address, client } = await this.serving(signal)
      await client.ping(signal)
      return { isReady: true, message: '', facts: { address } }
    } catch (error) {
      if (!(error instanceof PolisError)) throw error
      return { isReady: false, message: error.message, facts: {} }
    }
  }

  /** Throws Unavailable when it is not installed. */
  async serving(signal: AbortSignal): Promise<ServingRegistry> {
    signal.throwIfAborted()
    const place = await this.#findPlace()
    const certificate = await findCertificate(this.#tlsFolder)
    if (place === undefined || certificate === undefined) {
      throw new PolisError('Unavailable', 'the registry is not installed')
    }
    const { address } = place
    return { address, client: new RegistryClient(address, certificate) }
  }

  /** Gives back the room of what nothing refers to. Nothing can be stored meanwhile, everything can be fetched. */
  async collectGarbage(signal: AbortSignal): Promise<void> {
    await this.#bring(signal, true)
    try {
      const command = ['registry', 'garbage-collect', CONFIG_PATH]
      const { docker } = this.#deps
      const { exitCode, stderr } = await exec(docker, this.#containerName, { command }, signal)
      if (exitCode !== 0) {
        const words = stderr.trim().split('\n').slice(-5).join('\n')
        throw new PolisError('Internal', `the registry could not collect garbage: ${words}`)
      }
    } finally {
      await this.#bring(AbortSignal.timeout(READY_MS), false)
    }
  }

  /** Takes the container and Docker's trust away. The images stay. */
  async remove(signal: AbortSignal): Promise<void> {
    const { docker, parameters } = this.#deps
    const found = await findContainer(docker, this.#containerName, signal)
    const isOwn =
      found !== undefined &&
      Object.entries(this.#owner).every(([label, value]) => found.labels[label] === value)
    if (isOwn) {
      if (found.isRunning) await stopContainer(docker, found.id, GRACE_SECONDS, signal)
      await removeContainer(docker, found.id, signal)
    }
    const place = await this.#findPlace()
    if (place !== undefined) await removeTrust(parameters.certsDir, place.address)
    await rm(this.#tlsFolder, { recursive: true, force: true })
    try {
      await removeNetwork(docker, this.#network, signal)
    } catch (error) {
      // Another device of this installation is on it.
      if (!(error instanceof PolisError) || error.code !== 'FailedPrecondition') throw error
    }
  }

  get #containerName(): string {
    return `p-device-${this.#deps.device.uid}`
  }

  get #network(): string {
    return `p-devices-${this.#deps.host.installationUid}`
  }

  get #installationLabel(): Readonly<Record<string, string>> {
    return { 'polis.installation': this.#deps.host.installationUid }
  }

  get #owner(): Readonly<Record<string, string>> {
    return { ...this.#installationLabel, 'polis.device': this.#deps.device.uid }
  }

  get #tlsFolder(): string {
    return join(this.#deps.host.dataDir, 'tls')
  }

  get #configFolder(): string {
    return join(this.#deps.host.dataDir, 'config')
  }

  get #placeFile(): string {
    return join(this.#deps.host.dataDir, 'place.json')
  }

  /** Where it was installed last. Images are named by the address, so it stays when the network is made anew. */
  async #findPlace(): Promise<z.infer<typeof Place> | undefined> {
    try {
      return Place.parse(JSON.parse(await readFile(this.#placeFile, 'utf8')))
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
      throw error
    }
  }

  async #ensurePlace(signal: AbortSignal): Promise<{ host: string; address: string }> {
    const { docker, parameters } = this.#deps
    const before = await this.#findPlace()
    const owner = this.#installationLabel
    const network = await ensureBridge(docker, this.#network, owner, signal, before?.network)
    const { gateway, subnet } = network
    const host = parameters.address ?? gateway
    if (host === undefined || gateway === undefined || subnet === undefined) {
      throw new PolisError('FailedPrecondition', `network ${this.#network} has no addresses`)
    }
    const place = { address: `${host}:${parameters.port}`, network: { subnet, gateway } }
    if (before !== undefined && before.address !== place.address) {
      await removeTrust(parameters.certsDir, before.address)
    }
    await ensureFile(this.#placeFile, JSON.stringify(place))
    return { host, address: place.address }
  }

  async #ensureImage(signal: AbortSignal): Promise<string> {
    const { docker, stockImagesDir, parameters, host } = this.#deps
    const { image } = parameters
    if (image !== undefined) {
      const found =
        (await findImage(docker, image, signal)) ?? (await pullImage(docker, image, {}, signal))
      return found.id
    }
    const onLine = (line: string): void => host.logger.debug(line)
    return (await ensureStockImage(docker, stockImagesDir, 'registry', signal, onLine)).imageId
  }

  async #bring(signal: AbortSignal, isReadOnly: boolean): Promise<void> {
    const { docker, host, parameters } = this.#deps
    const image = await this.#ensureImage(signal)
    const { host: hostAddress, address } = await this.#ensurePlace(signal)
    for (const folder of [this.dataFolder, this.#configFolder]) {
      await mkdir(folder, { recursive: true, mode: 0o700 })
    }
    await ensureFile(join(this.#configFolder, 'config.yml'), CONFIG)
    const certificate = await ensureCertificate(this.#tlsFolder, hostAddress, host, signal)
    await ensureTrust(parameters.certsDir, address, certificate)
    const spec = this.#spec(image, hostAddress, certificate, isReadOnly)
    await ensureContainer(docker, this.#containerName, this.#owner, spec, signal)
    await this.#untilServing(address, certificate, signal)
  }

  #spec(
    image: string,
    hostAddress: string,
    { fingerprint }: KeptCertificate,
    isReadOnly: boolean,
  ): ContainerSpec {
    const { device, parameters } = this.#deps
    const maintenance = 'REGISTRY_STORAGE_MAINTENANCE_READONLY'
    const bind = (source: string, target: string, readOnly: boolean) =>
      ({ type: 'bind', source, target, isReadOnly: readOnly }) as const
    return {
      image,
      entrypoint: ['registry'],
      command: ['serve', CONFIG_PATH],
      env: isReadOnly ? { [maintenance]: '{enabled: true}' } : {},
      // The registry reads certificate and configuration at its start, so a new one is a new container.
      labels: {
        'polis.label': device.name,
        'polis.certificate': fingerprint,
        'polis.config': createHash('sha256').update(CONFIG).digest('hex'),
      },
      network: this.#network,
      restart: 'always',
      mounts: [
        bind(this.dataFolder, '/var/lib/registry', false),
        bind(this.#configFolder, '/polis/config', true),
        bind(this.#tlsFolder, '/polis/tls', true),
      ],
      publish: [{ containerPort: INNER_PORT, hostAddress, hostPort: parameters.port }],
      memoryBytes: parameters.memoryBytes,
      stopTimeoutSeconds: GRACE_SECONDS,
    }
  }

  async #untilServing(
    address: string,
    certificate: KeptCertificate,
    signal: AbortSignal,
  ): Promise<void> {
    const { docker } = this.#deps
    const name = this.#containerName
    const client = new RegistryClient(address, certificate)
    const before = (await findContainer(docker, name, signal))?.restartCount ?? 0
    const probe = async (): Promise<PolisError | true> => {
      const container = await findContainer(docker, name, signal)
      const failures = (container?.restartCount ?? 0) - before
      if (container === undefined || failures >= MAX_FAILED_STARTS) {
        const words = container === undefined ? '' : await lastOutput(docker, name, signal)
        return new PolisError('FailedPrecondition', `the registry does not start: ${words}`)
      }
      await client.ping(signal)
      return true
    }
    const what = 'the registry answers'
    const answer = await until(probe, { deadlineMs: READY_MS, everyMs: 50, signal, what })
    if (answer !== true) throw answer
  }
}
