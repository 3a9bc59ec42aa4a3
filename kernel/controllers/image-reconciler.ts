import type { ResolvedImage } from '@polis/hal/orchestrator'
import { type PolisError, toPolisError } from '@polis/lib/error'
import type { Image, ImageSource } from '@polis/resources/image'
import { isReady } from '@polis/resources/object'
import type { Reconciler, Result } from '../controller/controller.ts'
import { failure, readiness } from '../controller/report.ts'
import type { ObjectEvent } from '../objects/object-cache.ts'
import type { ReconcilerDeps } from './deps.ts'
import { deviceOn, orchestratorDevice, portOf } from './device-port.ts'

/** A build shares the host with what serves: it gets less than all of it. */
const BUILD_LIMITS = { memoryBytes: 2 * 1024 ** 3, cpus: 1 }
const LOG_BATCH_LINES = 50

/** Builds or finds each image once and pins it. An image that cannot be had stays failed: another try is another image. */
export class ImageReconciler implements Reconciler {
  readonly name = 'image'
  readonly concurrency = 2
  readonly #deps: ReconcilerDeps

  constructor(deps: ReconcilerDeps) {
    this.#deps = deps
  }

  keysOf({ before, after }: ObjectEvent): readonly string[] {
    const object = after ?? before
    if (object?.kind === 'Image') {
      const isNews =
        before === undefined ||
        before.metadata.deletionRequestedAt !== after?.metadata.deletionRequestedAt
      return isNews ? [object.metadata.uid] : []
    }
    // What used an image may have been the last to do so.
    const isGone = after === undefined && (object?.kind === 'Revision' || object?.kind === 'Task')
    return isGone ? this.#leaving() : []
  }

  allKeys(): readonly string[] {
    return this.#deps.cache.list('Image').map(({ metadata }) => metadata.uid)
  }

  requestIdOf(uid: string): string | undefined {
    return this.#deps.cache.find('Image', uid)?.metadata.requestId
  }

  async reconcile(uid: string, signal: AbortSignal): Promise<Result> {
    const { cache, writer, clock } = this.#deps
    const image = cache.find('Image', uid)
    if (image === undefined) return { kind: 'settled' }
    if (image.metadata.deletionRequestedAt !== undefined) return await this.#remove(image, signal)
    if (image.status.observedGeneration > 0 && (isReady(image) || isFinal(image))) {
      return { kind: 'settled' }
    }
    try {
      const resolved = await this.#obtain(image, signal)
      await this.#write(image, resolved)
    } catch (thrown) {
      const error = toPolisError(thrown, `make image ${image.metadata.name}`)
      if (error.isRetryable || error.code === 'Canceled') throw error
      const change = readiness(
        cache.get('Image', uid),
        { ...failure(error), reason: FAILED },
        clock,
      )
      if (change !== undefined) await writer.commit([change])
    }
    return { kind: 'settled' }
  }

  async report(uid: string, error: PolisError): Promise<void> {
    const { cache, writer, clock } = this.#deps
    const image = cache.find('Image', uid)
    const change = image && readiness(image, failure(error), clock)
    if (change !== undefined) await writer.commit([change])
  }

  async #obtain(image: Image, signal: AbortSignal): Promise<ResolvedImage> {
    const { cache } = this.#deps
    const device = orchestratorDevice(cache)
    const orchestrator = portOf(this.#deps, 'orchestrator', device)
    const { source } = image.spec
    const reference =
      source.type === 'reference'
        ? source.reference
        : await this.#build(image, source, device.spec.nodeUid, signal)
    return await orchestrator.resolveImage({ reference }, signal)
  }

  async #build(
    { metadata }: Image,
    source: Extract<ImageSource, { type: 'build' }>,
    nodeUid: string,
    signal: AbortSignal,
  ): Promise<string> {
    const { cache, clock, journal } = this.#deps
    const { type: _, target, ...from } = source
    const builder = portOf(this.#deps, 'builder', deviceOn(cache, 'builder', nodeUid))
    let lines: string[] = []
    const flush = async (): Promise<void> => {
      if (lines.length === 0) return
      await journal.append([
        {
          at: clock.now(),
          type: 'build.log',
          level: 'info',
          message: lines.join('\n'),
          objectUid: metadata.uid,
          objectKind: 'Image',
          fields: {},
          ...(metadata.requestId === undefined ? {} : { requestId: metadata.requestId }),
          ...(metadata.projectUid === undefined ? {} : { project: metadata.projectUid }),
        },
      ])
      lines = []
    }
    let imageId: string | undefined
    const tag = `polis/${metadata.name}:${metadata.uid}`
    const request = {
      uid: metadata.uid,
      ...from,
      ...(target === undefined ? {} : { target }),
      tag,
      limits: BUILD_LIMITS,
    }
    try {
      for await (const progress of builder.build(request, signal)) {
        if (progress.type === 'built') imageId = progress.imageId
        else lines.push(progress.text)
        if (lines.length >= LOG_BATCH_LINES) await flush()
      }
    } finally {
      await flush()
    }
    return imageId ?? tag
  }

  async #write(image: Image, resolved: ResolvedImage): Promise<void> {
    const { cache, writer, clock } = this.#deps
    const { pinned, exposedPorts, hasHealthCheck, sizeBytes } = resolved
    const ready = { status: 'True' as const, reason: 'Pinned', message: '' }
    const extra = { pinned, exposedPorts: [...exposedPorts], hasHealthCheck, sizeBytes }
    const change = readiness(cache.get('Image', image.metadata.uid), ready, clock, extra)
    if (change !== undefined) await writer.commit([change])
  }

  /** Only what was built here is taken from the engine; what was fetched may be somebody else's too. */
  async #remove(image: Image, signal: AbortSignal): Promise<Result> {
    const { cache, writer } = this.#deps
    if (cache.guardsOf(image.metadata.uid).length > 0) return { kind: 'settled' }
    const { pinned } = image.status
    if (image.spec.source.type === 'build' && pinned !== undefined) {
      const { spec } = orchestratorDevice(cache)
      const builder = portOf(this.#deps, 'builder', deviceOn(cache, 'builder', spec.nodeUid))
      const isShared = cache
        .list('Image')
        .some(
          (other) => other.status.pinned === pinned && other.metadata.uid !== image.metadata.uid,
        )
      if (!isShared) await builder.removeImage({ imageId: pinned }, signal)
    }
    await writer.commit([{ type: 'remove', before: image }])
    return { kind: 'settled' }
  }

  #leaving(): readonly string[] {
    return this.#deps.cache
      .list('Image')
      .filter(({ metadata }) => metadata.deletionRequestedAt !== undefined)
      .map(({ metadata }) => metadata.uid)
  }
}

const FAILED = 'Failed'

/** True when the image can never be had as it was asked for. */
export function isFinal(image: Image): boolean {
  return image.status.conditions.some(({ type, reason }) => type === 'Ready' && reason === FAILED)
}
