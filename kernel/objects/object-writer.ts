import type { Clock } from '@polis/lib/clock'
import { currentRequestId } from '@polis/lib/trace'
import { type Precondition, type Store, type Write } from '../store/store.ts'
import { type ObjectChange, toOperations } from './change.ts'
import type { ObjectCache } from './object-cache.ts'

export interface ObjectWriterDeps {
  readonly store: Store
  readonly cache: ObjectCache
  readonly clock: Clock
}

/** Extra keys that go with a transaction on objects. */
export interface CommitExtras {
  readonly preconditions?: readonly Precondition[]
  readonly writes?: readonly Write[]
}

/** The one way objects change. */
export class ObjectWriter {
  readonly #deps: ObjectWriterDeps

  constructor(deps: ObjectWriterDeps) {
    this.#deps = deps
  }

  /**
   * All changes or none, in one transaction, then waits until the cache shows them. Throws Aborted when an object
   * changed meanwhile, a name or claim is taken, a reference's target is gone, or what shall go is still guarded.
   * Without changes nothing is written.
   */
  async commit(changes: readonly ObjectChange[], extras: CommitExtras = {}): Promise<void> {
    const { store, cache, clock } = this.#deps
    const context = { now: clock.now(), requestId: currentRequestId() }
    const operations = changes.map((change) => toOperations(change, context))
    // Objects made here may be the targets of others made here: what is written needs not be there before.
    const written = new Set(
      operations.flatMap(({ writes }) =>
        writes.flatMap((write) => ('put' in write ? [write.put] : [])),
      ),
    )
    const preconditions = [
      ...operations.flatMap((operation) => operation.preconditions),
      ...(extras.preconditions ?? []),
    ].filter((p) => !('is' in p && p.is === 'present' && written.has(p.key)))
    const writes = [
      ...operations.flatMap((operation) => operation.writes),
      ...(extras.writes ?? []),
    ]
    if (writes.length === 0) return
    const { revision } = await store.transact({ preconditions: unique(preconditions), writes })
    await cache.caughtUp(revision)
  }
}

function unique(preconditions: readonly Precondition[]): readonly Precondition[] {
  return [...new Map(preconditions.map((p) => [JSON.stringify(p), p])).values()]
}
