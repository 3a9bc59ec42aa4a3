import { type KindName, type PolisObject } from '@polis/resources/registry'
import type { Reconciler, Result } from '../controller/controller.ts'
import { readiness } from '../controller/report.ts'
import type { ObjectEvent } from '../objects/object-cache.ts'
import type { ReconcilerDeps } from './deps.ts'

/** Kinds that stand for nothing outside the store. */
export const RECORD_KINDS = [
  'Project',
  'Driver',
  'Application',
  'Revision',
  'Domain',
  'Secret',
  'Config',
  'User',
  'RoleBinding',
  'Token',
] as const satisfies readonly KindName[]

/** Records are ready as soon as they are written, go when nothing needs them any more, and tokens when their time is over. */
export class RecordReconciler implements Reconciler {
  readonly name = 'record'
  readonly concurrency = 4
  readonly #deps: ReconcilerDeps

  constructor(deps: ReconcilerDeps) {
    this.#deps = deps
  }

  keysOf({ before, after }: ObjectEvent): readonly string[] {
    const object = after ?? before
    if (object === undefined) return []
    if (after !== undefined && isRecord(object)) return [object.metadata.uid]
    // What went may have been the last that held a leaving record back.
    return after === undefined ? this.#leaving() : []
  }

  allKeys(): readonly string[] {
    return RECORD_KINDS.flatMap((kind) =>
      this.#deps.cache.list(kind).map(({ metadata }) => metadata.uid),
    )
  }

  async reconcile(uid: string): Promise<Result> {
    const { cache, writer, clock, sealer } = this.#deps
    const object = this.#find(uid)
    if (object === undefined) return { kind: 'settled' }
    if (object.metadata.deletionRequestedAt !== undefined) {
      const isFree = cache.guardsOf(uid).length === 0
      if (isFree) await writer.commit([{ type: 'remove', before: object }])
      return { kind: 'settled' }
    }
    if (object.kind === 'Token') {
      const leftMs = Date.parse(object.spec.expiresAt) - clock.now().getTime()
      if (leftMs <= 0 || object.spec.usesLeft === 0) {
        await writer.commit([{ type: 'remove', before: object }])
        return { kind: 'settled' }
      }
      return { kind: 'requeue', afterMs: Math.min(leftMs, MAX_DELAY_MS) }
    }
    if (object.kind === 'Secret' && sealer.isOutdated(object.spec.sealedValue)) {
      // The key was rotated: what the old one sealed is sealed anew, its value unchanged.
      const plain = sealer.unseal(object.spec.sealedValue, uid)
      const spec = { ...object.spec, sealedValue: sealer.seal(plain, uid) }
      await writer.commit([{ type: 'spec', before: object, spec }])
      return { kind: 'settled' }
    }
    const change = readiness(object, { status: 'True', reason: 'Written', message: '' }, clock)
    if (change !== undefined) await writer.commit([change])
    return { kind: 'settled' }
  }

  #find(uid: string): PolisObject<(typeof RECORD_KINDS)[number]> | undefined {
    for (const kind of RECORD_KINDS) {
      const object = this.#deps.cache.find(kind, uid)
      if (object !== undefined) return object
    }
    return undefined
  }

  #leaving(): readonly string[] {
    const { cache } = this.#deps
    return RECORD_KINDS.flatMap((kind) =>
      cache
        .list(kind)
        .filter(({ metadata }) => metadata.deletionRequestedAt !== undefined)
        .map(({ metadata }) => metadata.uid),
    )
  }
}

/** Timers hold 31 bits of milliseconds; looking once a day costs nothing. */
const MAX_DELAY_MS = 24 * 3_600_000

function isRecord(object: PolisObject): boolean {
  return RECORD_KINDS.some((kind) => kind === object.kind)
}
