import { PolisError } from '@polis/lib/error'
import type { Nothing, ObservedDevice } from '../driver.ts'
import { Faults } from '../faults.ts'
import type { PushRequest, RegistryPort, StoredImage } from './class.ts'

const ADDRESS = 'registry.fake:5000'

/** A registry in memory. It takes any `sha256:…` image id unless told that an image is missing. */
export class FakeRegistry implements RegistryPort {
  readonly #faults = new Faults<keyof RegistryPort>()
  readonly #missing = new Set<string>()
  readonly #stored = new Map<string, StoredImage>()
  readonly #kept = new Map<string, string>()

  // Levers

  failNext(error: PolisError, method?: keyof RegistryPort): void {
    this.#faults.failNext(error, method)
  }

  setAway(isAway: boolean): void {
    this.#faults.setAway(isAway)
  }

  /** No image of that id is on the node. */
  loseImage(imageId: string): void {
    this.#missing.add(imageId)
  }

  /** Id of the image that a reference stands for; undefined when the registry has not got it. */
  pull(reference: string): string | undefined {
    const isThere = [...this.#stored.values()].some((image) => image.reference === reference)
    return isThere ? this.#kept.get(reference) : undefined
  }

  /** References whose bytes still take room. */
  get keptReferences(): readonly string[] {
    return [...this.#kept.keys()]
  }

  // Port

  async ensureDevice(_: Nothing, signal: AbortSignal): Promise<ObservedDevice> {
    this.#faults.enter('ensureDevice', signal)
    return this.#observe()
  }

  async observeDevice(_: Nothing, signal: AbortSignal): Promise<ObservedDevice> {
    this.#faults.enter('observeDevice', signal)
    return this.#observe()
  }

  async removeDevice(_: Nothing, signal: AbortSignal): Promise<Nothing> {
    this.#faults.enter('removeDevice', signal)
    return {}
  }

  async push(input: PushRequest, signal: AbortSignal): Promise<StoredImage> {
    this.#faults.enter('push', signal)
    requireRepository(input.repository)
    if (!/^[\w][\w.-]{0,127}$/.test(input.tag)) {
      throw new PolisError('InvalidArgument', 'not a tag', { path: 'tag' })
    }
    if (this.#missing.has(input.imageId)) {
      throw new PolisError('NotFound', `no image ${input.imageId}`)
    }
    const { repository, tag, imageId: digest } = input
    const reference = `${ADDRESS}/${repository}@${digest}`
    const image = { repository, tag, digest, reference }
    this.#stored.set(`${repository}:${tag}`, image)
    this.#kept.set(reference, input.imageId)
    return image
  }

  async list(_: Nothing, signal: AbortSignal): Promise<{ images: StoredImage[] }> {
    this.#faults.enter('list', signal)
    return { images: [...this.#stored.values()] }
  }

  async remove(
    input: { repository: string; digest: string },
    signal: AbortSignal,
  ): Promise<Nothing> {
    this.#faults.enter('remove', signal)
    requireRepository(input.repository)
    for (const [key, { repository, digest }] of this.#stored) {
      if (repository === input.repository && digest === input.digest) this.#stored.delete(key)
    }
    return {}
  }

  async collectGarbage(_: Nothing, signal: AbortSignal): Promise<Nothing> {
    this.#faults.enter('collectGarbage', signal)
    const wanted = new Set([...this.#stored.values()].map(({ reference }) => reference))
    for (const reference of this.#kept.keys()) {
      if (!wanted.has(reference)) this.#kept.delete(reference)
    }
    return {}
  }

  #observe(): ObservedDevice {
    return { isReady: true, engineVersion: 'fake', message: '', facts: { address: ADDRESS } }
  }
}

function requireRepository(repository: string): void {
  const isPath = /^[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:\/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*$/
  if (isPath.test(repository) && repository.length <= 200) return
  throw new PolisError('InvalidArgument', 'not a repository path', { path: 'repository' })
}
