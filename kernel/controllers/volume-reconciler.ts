import type { PolisError } from '@polis/lib/error'
import type { Reconciler, Result } from '../controller/controller.ts'
import { isIntentNews } from '../controller/news.ts'
import { failure, readiness } from '../controller/report.ts'
import type { ObjectEvent } from '../objects/object-cache.ts'
import type { ReconcilerDeps } from './deps.ts'
import { portOf } from './device-port.ts'

/** Keeps volumes on their devices as the objects say. A removed one stays in the bin until it is purged. */
export class VolumeReconciler implements Reconciler {
  readonly name = 'volume'
  readonly concurrency = 4
  readonly #deps: ReconcilerDeps

  constructor(deps: ReconcilerDeps) {
    this.#deps = deps
  }

  keysOf(event: ObjectEvent): readonly string[] {
    const object = event.after ?? event.before
    if (object?.kind === 'Volume') {
      return isIntentNews(event) ? [object.metadata.uid] : []
    }
    if (object?.kind !== 'Device') return []
    return this.#deps.cache
      .guardsOf(object.metadata.uid)
      .flatMap((guard) => (guard.kind === 'Volume' ? [guard.metadata.uid] : []))
  }

  allKeys(): readonly string[] {
    return this.#deps.cache.list('Volume').map(({ metadata }) => metadata.uid)
  }

  requestIdOf(uid: string): string | undefined {
    return this.#deps.cache.find('Volume', uid)?.metadata.requestId
  }

  async reconcile(uid: string, signal: AbortSignal): Promise<Result> {
    const { cache, writer, clock } = this.#deps
    const volume = cache.find('Volume', uid)
    if (volume === undefined) return { kind: 'settled' }
    const { spec, metadata } = volume
    const port = portOf(this.#deps, 'volume-host', cache.get('Device', spec.deviceUid))
    if (metadata.deletionRequestedAt !== undefined) {
      await port.purgeVolume({ uid }, signal)
      await writer.commit([{ type: 'remove', before: volume }])
      return { kind: 'settled' }
    }
    const observed = await port.ensureVolume(
      { uid, ...(spec.path === undefined ? {} : { path: spec.path }) },
      signal,
    )
    const ready =
      spec.binnedAt === undefined
        ? { status: 'True' as const, reason: 'Provisioned', message: '' }
        : { status: 'True' as const, reason: 'InBin', message: 'waiting in the bin' }
    await writer.amend('Volume', uid, (current) =>
      readiness(current, ready, clock, { path: observed.path }, metadata.generation),
    )
    return { kind: 'settled' }
  }

  async report(uid: string, error: PolisError): Promise<void> {
    const { cache, writer, clock } = this.#deps
    const volume = cache.find('Volume', uid)
    const change = volume && readiness(volume, failure(error), clock)
    if (change !== undefined) await writer.commit([change])
  }
}
