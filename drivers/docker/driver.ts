import type { Readable } from 'node:stream'
import { DockerClient } from '@polis/engine-docker/client'
import { removeContainer } from '@polis/engine-docker/containers'
import { findImage, Progress, pullImage } from '@polis/engine-docker/images'
import type { BuilderPort, BuildProgress, BuildRequest, BuiltImage } from '@polis/hal/builder'
import type { DeviceIdentity, Driver, DriverHost, Nothing, ObservedDevice } from '@polis/hal/driver'
import { parseParameters } from '@polis/hal/parameters'
import { PolisError } from '@polis/lib/error'
import { z } from 'zod'
import { BuildLog } from './build-log.ts'
import { Parameters } from './config.ts'
import { findDockerfile, keepArchive, openContext, plainPath } from './context.ts'
import { baseImages } from './dockerfile.ts'
import { fromBuildError } from './errors.ts'
import { areUsed, IMAGE_LABEL, listBuilt, removeBuilt, removeLayers } from './images.ts'
import { type Bench, Workshop } from './workshop.ts'

const CPU_PERIOD_US = 100_000
const CLEARING_MS = 15_000
const USE_POLL_MS = 100
const DROP_ATTEMPTS = 10
const Aux = z.object({ ID: z.string() })

class DockerBuilder implements BuilderPort {
  readonly #docker: DockerClient
  readonly #parameters: Parameters
  readonly #host: DriverHost
  readonly #owner: Readonly<Record<string, string>>
  readonly #workshop: Workshop

  constructor(
    docker: DockerClient,
    device: DeviceIdentity,
    host: DriverHost,
    activeBenches: Set<string>,
  ) {
    this.#docker = docker
    this.#parameters = parseParameters(Parameters, device)
    this.#host = host
    this.#owner = { 'polis.installation': host.installationUid, 'polis.device': device.uid }
    this.#workshop = new Workshop(host.dataDir, activeBenches)
  }

  async ensureDevice(_: Nothing, signal: AbortSignal): Promise<ObservedDevice> {
    await this.#docker.ping(signal)
    for (const bench of await this.#workshop.abandoned()) await this.#clear(bench, signal)
    return this.observeDevice({}, signal)
  }

  async observeDevice(_: Nothing, signal: AbortSignal): Promise<ObservedDevice> {
    try {
      const engineVersion = await this.#docker.engineVersion(signal)
      return { isReady: true, engineVersion, message: '', facts: {} }
    } catch (error) {
      if (!(error instanceof PolisError) || error.code !== 'Unavailable') throw error
      return { isReady: false, message: error.message, facts: {} }
    }
  }

  async removeDevice(_: Nothing, signal: AbortSignal): Promise<Nothing> {
    signal.throwIfAborted()
    return {}
  }

  async *build(input: BuildRequest, signal: AbortSignal): AsyncIterable<BuildProgress> {
    signal.throwIfAborted()
    const contextPath = plainPath(input.contextPath, 'contextPath')
    const dockerfile = plainPath(input.dockerfile, 'dockerfile')
    const bench = await this.#workshop.openBench()
    const log = new BuildLog()
    let isBuilt = false
    try {
      const archive = await this.#host.openBlob(input.contextDigest, signal)
      await keepArchive(archive, input.contextDigest, bench.contextPath, signal)
      const text = await findDockerfile(bench.contextPath, contextPath, dockerfile, signal)
      if (text !== undefined) {
        for (const image of baseImages(text, input.buildArgs, input.target)) {
          yield* this.#provide(image, signal)
        }
      }
      const context = openContext(bench.contextPath, contextPath, signal)
      const imageId = yield* this.#run({ ...input, dockerfile }, context, log, bench, signal)
      isBuilt = true
      yield { type: 'built', imageId }
    } finally {
      await this.#clear(bench, AbortSignal.timeout(CLEARING_MS), isBuilt)
    }
  }

  async removeImage({ imageId }: { imageId: string }, signal: AbortSignal): Promise<Nothing> {
    await removeBuilt(this.#docker, imageId, this.#owner, signal)
    return {}
  }

  async listImages(_: Nothing, signal: AbortSignal): Promise<{ images: BuiltImage[] }> {
    return { images: await listBuilt(this.#docker, this.#owner, signal) }
  }

  /** Fetches a base image that the node lacks. */
  async *#provide(image: string, signal: AbortSignal): AsyncGenerator<BuildProgress> {
    if ((await findImage(this.#docker, image, signal)) !== undefined) return
    const missing = (cause?: unknown): PolisError =>
      new PolisError('NotFound', `base image ${image} is not to be had`, {
        cause,
        path: 'dockerfile',
        hint: 'check its name, and whether this node reaches its registry',
      })
    if (this.#parameters.pull === 'never') throw missing()
    yield { type: 'log', text: `fetching ${image}` }
    try {
      await pullImage(this.#docker, toPullable(image), {}, signal)
    } catch (cause) {
      signal.throwIfAborted()
      if (cause instanceof PolisError && cause.code === 'ResourceExhausted') throw cause
      throw missing(cause)
    }
  }

  async *#run(
    input: BuildRequest,
    context: Readable,
    log: BuildLog,
    bench: Bench,
    signal: AbortSignal,
  ): AsyncGenerator<BuildProgress, string> {
    let imageId: string | undefined
    const toProgress = (text: string): BuildProgress => ({ type: 'log', text })
    try {
      const query = this.#query(input)
      const options = { query, upload: context, schema: Progress, signal }
      for await (const { stream, aux } of await this.#docker.lines('POST', '/build', options)) {
        const { data } = Aux.safeParse(aux)
        if (data !== undefined) imageId = data.ID
        const added = log.add(stream ?? '')
        await bench.note(log)
        yield* added.map((text) => toProgress(text))
      }
      yield* log.end().map((text) => toProgress(text))
    } catch (error) {
      signal.throwIfAborted()
      throw fromBuildError(error, log.lastLines, input.limits.memoryBytes)
    }
    if (imageId !== undefined) return imageId
    throw new PolisError('Unavailable', 'Docker went away in the middle of the build')
  }

  #query(input: BuildRequest): Readonly<Record<string, string | number | boolean | undefined>> {
    const { limits, tag, dockerfile, target, buildArgs, uid } = input
    return {
      t: tag,
      dockerfile,
      target,
      buildargs: JSON.stringify(buildArgs),
      labels: JSON.stringify({ ...this.#owner, [IMAGE_LABEL]: uid }),
      memory: limits.memoryBytes,
      // No swap beside it: a build that takes all memory ends, and not the node.
      memswap: limits.memoryBytes,
      cpuperiod: CPU_PERIOD_US,
      cpuquota: Math.max(1000, Math.round(limits.cpus * CPU_PERIOD_US)),
      networkmode: this.#parameters.network,
      rm: true,
      forcerm: true,
    }
  }

  /**
   * An engine that was told to stop a build takes its last container down a moment later, perhaps one it had not told
   * of yet, and keeps the layers under it until then: so it is asked more than once. What stays after that stands
   * under an image that was built. Throws when a container still stands on a layer as the signal aborts.
   */
  async #dropLayers(layers: readonly string[], signal: AbortSignal): Promise<void> {
    for (let attempt = 1; attempt <= DROP_ATTEMPTS; attempt += 1) {
      while (await areUsed(this.#docker, layers, signal)) {
        await this.#host.clock.sleep(USE_POLL_MS, signal)
      }
      const kept = await removeLayers(this.#docker, layers, signal)
      if (kept === 0) return
      await this.#host.clock.sleep(USE_POLL_MS, signal)
    }
  }

  /** The layers of an image that was built are its own; those of one that failed are nobody's. */
  async #clear(bench: Bench, signal: AbortSignal, isBuilt = false): Promise<void> {
    try {
      const { layers, containers } = await bench.made()
      for (const id of containers) await removeContainer(this.#docker, id, signal)
      if (!isBuilt) {
        await this.#dropLayers(layers, signal)
      }
      await bench.clear()
    } catch (error) {
      // The next ensureDevice tries again: what the build itself said is not to be lost over it.
      this.#host.logger.warn('could not clear up after a build', { error })
    }
  }
}

/** A name without tag would fetch all tags there are. */
function toPullable(image: string): string {
  const isPinned = image.includes('@') || /:[^/]+$/.test(image)
  return isPinned ? image : `${image}:latest`
}

export interface DockerDriverDeps {
  readonly dockerSocketPath: string
}

/** Docker's own builder, on the node. */
export function dockerDriver(deps: DockerDriverDeps): Driver<BuilderPort> {
  // A device opened anew must not clear up after the builds of the old one.
  const activeBenches = new Set<string>()
  return {
    manifest: {
      name: 'docker',
      class: 'builder',
      version: '0.1.0',
      summary: "Builds images with the node's Docker.",
      parameters: z.toJSONSchema(Parameters, { io: 'input' }),
      capabilities: {},
    },
    open: (device, host) =>
      new DockerBuilder(
        new DockerClient({ socketPath: deps.dockerSocketPath }),
        device,
        host,
        activeBenches,
      ),
  }
}
