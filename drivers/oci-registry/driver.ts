import { statfs } from 'node:fs/promises'
import { DockerClient } from '@polis/engine-docker/client'
import { findImage, pushImage, tagImage } from '@polis/engine-docker/images'
import type { Driver, Nothing, ObservedDevice } from '@polis/hal/driver'
import { parseParameters } from '@polis/hal/parameters'
import type { PushRequest, RegistryPort, StoredImage } from '@polis/hal/registry'
import { PolisError } from '@polis/lib/error'
import { z } from 'zod'
import { Parameters } from './config.ts'
import { RegistryDevice } from './device.ts'
import { Gate } from './gate.ts'

const REPOSITORY =
  /^[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*)*$/
const TAG = /^\w[\w.-]{0,127}$/
const DIGEST = /^sha256:[0-9a-f]{64}$/
/** With less than that a registry refuses what it is sent without saying why. */
const LITTLE_ROOM_BYTES = 16 * 1024 * 1024

function requireMatch(pattern: RegExp, text: string, path: string, what: string): void {
  if (pattern.test(text) && text.length <= 200) return
  throw new PolisError('InvalidArgument', `not ${what}`, { path })
}

class OciRegistry implements RegistryPort {
  readonly #docker: DockerClient
  readonly #device: RegistryDevice
  readonly #gate: Gate

  constructor(docker: DockerClient, device: RegistryDevice, gate: Gate) {
    this.#docker = docker
    this.#device = device
    this.#gate = gate
  }

  ensureDevice(_: Nothing, signal: AbortSignal): Promise<ObservedDevice> {
    return this.#gate.alone(() => this.#device.ensure(signal), signal)
  }

  observeDevice(_: Nothing, signal: AbortSignal): Promise<ObservedDevice> {
    return this.#device.observe(signal)
  }

  async removeDevice(_: Nothing, signal: AbortSignal): Promise<Nothing> {
    await this.#gate.alone(() => this.#device.remove(signal), signal)
    return {}
  }

  async push(input: PushRequest, signal: AbortSignal): Promise<StoredImage> {
    requireMatch(REPOSITORY, input.repository, 'repository', 'a repository path')
    requireMatch(TAG, input.tag, 'tag', 'a tag')
    requireMatch(DIGEST, input.imageId, 'imageId', 'an image id')
    return this.#gate.together(() => this.#push(input, signal), signal)
  }

  async list(_: Nothing, signal: AbortSignal): Promise<{ images: StoredImage[] }> {
    const { address, client } = await this.#device.serving(signal)
    const images: StoredImage[] = []
    for await (const repository of client.repositories(signal)) {
      for await (const tag of client.tags(repository, signal)) {
        const digest = await client.findDigest(repository, tag, signal)
        if (digest === undefined) continue
        images.push({ repository, tag, digest, reference: `${address}/${repository}@${digest}` })
      }
    }
    return { images }
  }

  async remove(
    { repository, digest }: { repository: string; digest: string },
    signal: AbortSignal,
  ): Promise<Nothing> {
    requireMatch(REPOSITORY, repository, 'repository', 'a repository path')
    requireMatch(DIGEST, digest, 'digest', 'a digest')
    const { client } = await this.#device.serving(signal)
    const removing = (): Promise<void> => client.removeManifest(repository, digest, signal)
    await this.#gate.together(removing, signal)
    return {}
  }

  async collectGarbage(_: Nothing, signal: AbortSignal): Promise<Nothing> {
    await this.#gate.alone(() => this.#device.collectGarbage(signal), signal)
    return {}
  }

  async #push(input: PushRequest, signal: AbortSignal): Promise<StoredImage> {
    const { repository, tag, imageId } = input
    const { address, client } = await this.#device.serving(signal)
    if ((await findImage(this.#docker, imageId, signal)) === undefined) {
      throw new PolisError('NotFound', `no image ${imageId} on this node`, { path: 'imageId' })
    }
    await client.ping(signal)
    // Docker would try five times, for most of a minute.
    if (await this.#isFull()) throw fullDisk(repository)
    const place = { repository: `${address}/${repository}`, tag }
    await tagImage(this.#docker, imageId, place, signal)
    try {
      const digest = await pushImage(this.#docker, place, {}, signal)
      return { repository, tag, digest, reference: `${address}/${repository}@${digest}` }
    } catch (cause) {
      signal.throwIfAborted()
      throw await this.#fromPushError(cause, repository)
    }
  }

  async #fromPushError(cause: unknown, repository: string): Promise<unknown> {
    const isFull = cause instanceof PolisError && cause.code === 'ResourceExhausted'
    return isFull || (await this.#isFull()) ? fullDisk(repository, cause) : cause
  }

  async #isFull(): Promise<boolean> {
    const { bavail, bsize } = await statfs(this.#device.dataFolder)
    return bavail * bsize < LITTLE_ROOM_BYTES
  }
}

function fullDisk(repository: string, cause?: unknown): PolisError {
  const message = `could not store ${repository}: the disk is full`
  return new PolisError('ResourceExhausted', message, {
    cause,
    hint: 'make room on the disk that holds the images, or remove images from the registry',
  })
}

export interface OciRegistryDriverDeps {
  readonly dockerSocketPath: string
  /** Folder of the recipes of stock images. */
  readonly stockImagesDir: string
}

/** An OCI registry in a container on the node, for holders of a certificate of Polis' CA. */
export function ociRegistryDriver(deps: OciRegistryDriverDeps): Driver<RegistryPort> {
  const gates = new Map<string, Gate>()
  return {
    manifest: {
      name: 'oci-registry',
      class: 'registry',
      version: '0.1.0',
      summary: "An image registry in a container on the node, by TLS of Polis' own CA.",
      parameters: z.toJSONSchema(Parameters, { io: 'input' }),
      capabilities: {},
    },
    open: (device, host) => {
      const parameters = parseParameters(Parameters, device)
      const docker = new DockerClient({ socketPath: deps.dockerSocketPath })
      const { stockImagesDir } = deps
      const opened = new RegistryDevice({ docker, stockImagesDir, device, host, parameters })
      // A device opened anew must not collect garbage while the old one stores an image.
      const gate = gates.get(device.uid) ?? new Gate()
      gates.set(device.uid, gate)
      return new OciRegistry(docker, opened, gate)
    },
  }
}
