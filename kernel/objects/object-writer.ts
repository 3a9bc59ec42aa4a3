import type { Clock } from '@polis/lib/clock'
import { PolisError } from '@polis/lib/error'
import { currentRequestId } from '@polis/lib/trace'
import type { KindName, PolisObject } from '@polis/resources/registry'
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

  /**
   * One change of one object, decided on what it is now and decided again when somebody else wrote first. Nothing is
   * written when the object is gone or `decide` gives nothing.
   */
  async amend<Name extends KindName>(
    kind: Name,
    uid: string,
    decide: (object: PolisObject<Name>) => ObjectChange | undefined,
  ): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      const object = this.#deps.cache.find(kind, uid)
      const change = object && decide(object)
      if (change === undefined) return
      try {
        await this.commit([change])
        return
      } catch (thrown) {
        const isRace = thrown instanceof PolisError && thrown.code === 'Aborted'
        if (!isRace || attempt === MAX_ATTEMPTS) throw thrown
        // The cache learns of the other's write in a moment; deciding on the old object again would abort again.
        await this.#deps.cache.caughtUp(await this.#deps.store.revision())
      }
    }
  }
}

const MAX_ATTEMPTS = 20

function unique(preconditions: readonly Precondition[]): readonly Precondition[] {
  return [...new Map(preconditions.map((p) => [JSON.stringify(p), p])).values()]
}
