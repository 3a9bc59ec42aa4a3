// The container a device runs in: installed, mended, observed, taken away.
import type { DockerClient } from '@polis/engine-docker/client'
import { lastOutput } from '@polis/engine-docker/container-logs'
import type { ContainerSpec } from '@polis/engine-docker/container-spec'
import type { Container } from '@polis/engine-docker/container-state'
import {
  ensureContainer,
  findContainer,
  removeContainer,
  stopContainer,
} from '@polis/engine-docker/containers'
import { exec } from '@polis/engine-docker/exec'
import { findImage, getImage, type Image, pullImage } from '@polis/engine-docker/images'
import { ensureBridge, removeNetwork } from '@polis/engine-docker/networks'
import { ensureStockImage } from '@polis/engine-docker/stock-images'
import type { DeviceIdentity, DriverHost, ObservedDevice } from '@polis/hal/driver'
import { PolisError } from '@polis/lib/error'
import { until } from '@polis/lib/until'
import type { Parameters } from './config.ts'
import { type Connection, type Login, text, withConnection } from './connection.ts'
import { DataFolder } from './data-folder.ts'
import { closeStockDatabases } from './databases.ts'
import { isSqlState } from './errors.ts'
import { makeVerifier } from './scram.ts'

const PORT = 5432
const PGDATA = '/var/lib/polis/pgdata'
const SUPERUSER = 'postgres'
const READY_MS = 180_000
/** Starts that fail one after the other tell that waiting will not help. */
const MAX_FAILED_STARTS = 3

export interface PostgresqlDeviceDeps {
  readonly docker: DockerClient
  readonly stockImagesDir: string
  readonly device: DeviceIdentity
  readonly host: DriverHost
  readonly parameters: Parameters
}

export class PostgresqlDevice {
  readonly #deps: PostgresqlDeviceDeps
  readonly #folder: DataFolder

  constructor(deps: PostgresqlDeviceDeps) {
    this.#deps = deps
    this.#folder = new DataFolder(deps.host)
  }

  async ensure(signal: AbortSignal): Promise<ObservedDevice> {
    const { docker } = this.#deps
    const image = await this.#ensureImage(signal)
    await ensureBridge(docker, this.#network, this.#installationLabel, signal)
    if (!(await this.#folder.isInitialised())) await this.#initialise(image, signal)
    // Not `unless-stopped`: a dockerd that follows a killed one stops what it finds running, and leaves that stopped.
    const spec = { ...this.#spec(image, this.#folder.data), restart: 'always' } as const
    await ensureContainer(docker, this.#containerName, this.#owner, spec, signal)
    await this.#untilServing(signal)
    await this.connect('prepare the server', signal, closeStockDatabases)
    return this.observe(signal)
  }

  async observe(signal: AbortSignal): Promise<ObservedDevice> {
    const container = await findContainer(this.#deps.docker, this.#containerName, signal)
    const address = container && this.#addressOf(container)
    if (container === undefined || address === undefined) {
      const message = container === undefined ? 'not installed' : `container ${container.status}`
      return { isReady: false, message, facts: {} }
    }
    const facts = { address: `${address}:${PORT}`, container: container.id }
    try {
      const engineVersion = await this.connect('ask the server', signal, serverVersion)
      return { isReady: true, engineVersion, message: '', facts }
    } catch (error) {
      if (!(error instanceof PolisError)) throw error
      return { isReady: false, message: error.message, facts }
    }
  }

  /** Stops the server, letting it write its data, and removes the container. The data stays. */
  async remove(signal: AbortSignal): Promise<void> {
    const { docker } = this.#deps
    await this.#removeOwn(this.#containerName, signal)
    await this.#removeOwn(this.#initContainerName, signal)
    try {
      await removeNetwork(docker, this.#network, signal)
    } catch (error) {
      // Another device of this installation is on it.
      if (!(error instanceof PolisError) || error.code !== 'FailedPrecondition') throw error
    }
  }

  /** Works as the superuser. Throws Unavailable while the server is away. */
  async connect<T>(
    doing: string,
    signal: AbortSignal,
    work: (sql: Connection) => Promise<T>,
  ): Promise<T> {
    const container = await findContainer(this.#deps.docker, this.#containerName, signal)
    const host = container && this.#addressOf(container)
    if (host === undefined) {
      throw new PolisError('Unavailable', `could not ${doing}: the server does not run`)
    }
    return withConnection(await this.#login(host), doing, signal, work)
  }

  get #containerName(): string {
    return `p-device-${this.#deps.device.uid}`
  }

  get #initContainerName(): string {
    return `${this.#containerName}-init`
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

  #addressOf(container: Container): string | undefined {
    const address = container.addresses[this.#network]
    return container.isRunning && address !== '' ? address : undefined
  }

  async #login(host: string): Promise<Login> {
    const password = await this.#folder.password()
    return { host, port: PORT, user: SUPERUSER, password, database: 'postgres' }
  }

  async #ensureImage(signal: AbortSignal): Promise<Image> {
    const { docker, stockImagesDir, parameters, host } = this.#deps
    const { image } = parameters
    if (image !== undefined) {
      return (await findImage(docker, image, signal)) ?? pullImage(docker, image, {}, signal)
    }
    const { imageId } = await ensureStockImage(
      docker,
      stockImagesDir,
      'postgresql',
      signal,
      (line) => host.logger.debug(line),
    )
    return getImage(docker, imageId, signal)
  }

  #spec(image: Image, dataFolder: string): ContainerSpec {
    const { parameters, device } = this.#deps
    const settings = { password_encryption: 'scram-sha-256', ...parameters.settings }
    // Where a later image keeps its data does not matter when it is always told; nor does it then make volumes of its own.
    const tmpfs = Object.fromEntries(image.volumes.map((path) => [path, 'size=1m']))
    return {
      image: image.id,
      command: [
        'postgres',
        ...Object.entries(settings).flatMap(([key, v]) => ['-c', `${key}=${v}`]),
      ],
      env: { PGDATA },
      labels: { 'polis.label': device.name },
      network: this.#network,
      mounts: [{ type: 'bind', source: dataFolder, target: PGDATA }],
      tmpfs,
      memoryBytes: parameters.memoryBytes,
      shmBytes: parameters.shmBytes,
      stopSignal: 'SIGINT',
      stopTimeoutSeconds: parameters.stopGraceSeconds,
    }
  }

  async #initialise(image: Image, signal: AbortSignal): Promise<void> {
    const { docker, parameters } = this.#deps
    const name = this.#initContainerName
    await this.#removeOwn(name, signal)
    const passwordPath = await this.#folder.beginInitialisation()
    const spec = this.#spec(image, this.#folder.freshData)
    const mounts = [
      ...(spec.mounts ?? []),
      { type: 'bind', source: passwordPath, target: '/run/polis-password', isReadOnly: true },
    ] as const
    const env = {
      ...spec.env,
      POSTGRES_USER: SUPERUSER,
      POSTGRES_PASSWORD_FILE: '/run/polis-password',
      POSTGRES_HOST_AUTH_METHOD: 'scram-sha-256',
      POSTGRES_INITDB_ARGS: '--data-checksums',
    }
    await ensureContainer(docker, name, this.#owner, { ...spec, env, mounts }, signal)
    // The images' own start listens to no network before all is made.
    await this.#untilAnswering(name, signal)
    await stopContainer(docker, name, parameters.stopGraceSeconds, signal)
    await removeContainer(docker, name, signal)
    await this.#folder.endInitialisation()
  }

  async #untilServing(signal: AbortSignal): Promise<void> {
    try {
      await this.#untilAnswering(this.#containerName, signal)
    } catch (error) {
      if (!hasWrongPassword(error)) throw error
      await this.#resetPassword(signal)
      await this.#untilAnswering(this.#containerName, signal)
    }
  }

  /** Throws ResourceExhausted or FailedPrecondition with its last words when the server fails to start again and again. */
  async #untilAnswering(name: string, signal: AbortSignal): Promise<void> {
    const { docker } = this.#deps
    const before = (await findContainer(docker, name, signal))?.restartCount ?? 0
    const probe = async (): Promise<PolisError | true | undefined> => {
      const container = await findContainer(docker, name, signal)
      if (container === undefined) return new PolisError('Aborted', `${name} was removed`)
      const hasEnded = container.status === 'exited' || container.status === 'dead'
      if (hasEnded || container.restartCount - before >= MAX_FAILED_STARTS) {
        return this.#startFailure(name, container, signal)
      }
      const host = this.#addressOf(container)
      if (host === undefined) return undefined
      try {
        await withConnection(await this.#login(host), 'sign in', signal, serverVersion)
        return true
      } catch (error) {
        signal.throwIfAborted()
        if (hasWrongPassword(error) && error instanceof PolisError) return error
        throw error
      }
    }
    const answer = await until(probe, {
      deadlineMs: READY_MS,
      everyMs: 100,
      signal,
      what: 'the server answers',
    })
    if (answer !== true) throw answer
  }

  async #startFailure(
    name: string,
    container: Container,
    signal: AbortSignal,
  ): Promise<PolisError> {
    const words = await lastOutput(this.#deps.docker, name, signal)
    if (/no space left on device/i.test(words)) {
      return new PolisError('ResourceExhausted', 'the server does not start: the disk is full', {
        cause: new Error(words),
        hint: 'make room on the disk that holds the data of Polis',
      })
    }
    const why = container.wasOutOfMemory ? 'it ran out of memory' : words
    return new PolisError('FailedPrecondition', `the server does not start: ${why}`)
  }

  /** The data may be older than the password file, after a restore: inside the container the superuser needs none. */
  async #resetPassword(signal: AbortSignal): Promise<void> {
    const verifier = await makeVerifier(await this.#folder.password())
    const command = [
      'psql',
      '--no-psqlrc',
      '--set',
      'ON_ERROR_STOP=1',
      '--username',
      SUPERUSER,
      '--dbname',
      'postgres',
    ]
    const input = `ALTER ROLE ${SUPERUSER} PASSWORD ${text(verifier)};\n`
    const spec = { command, user: SUPERUSER, input }
    const { exitCode, stderr } = await exec(this.#deps.docker, this.#containerName, spec, signal)
    if (exitCode === 0) return
    throw new PolisError('FailedPrecondition', `the superuser's password is another: ${stderr}`)
  }

  async #removeOwn(name: string, signal: AbortSignal): Promise<void> {
    const { docker, parameters } = this.#deps
    const found = await findContainer(docker, name, signal)
    if (found === undefined) return
    if (Object.entries(this.#owner).some(([label, value]) => found.labels[label] !== value)) return
    if (found.isRunning) {
      await stopContainer(docker, found.id, parameters.stopGraceSeconds, signal)
    }
    await removeContainer(docker, found.id, signal)
  }
}

function hasWrongPassword(error: unknown): boolean {
  return error instanceof PolisError && isSqlState(error.cause, '28P01')
}

async function serverVersion(sql: Connection): Promise<string> {
  const [row] = await sql`SHOW server_version`
  return String(row?.['server_version'] ?? '')
}
