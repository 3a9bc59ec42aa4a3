import { PolisError } from '@polis/lib/error'
import { endOfPrefix } from './keys.ts'
import type { LeaseId } from './store.ts'
import { checkTransaction, type StateView } from './transaction.ts'
import {
  SLICE_BYTES,
  SLICE_ENTRIES,
  sizeOfBatch,
  type ChangesQuery,
  type Compacted,
  type PageQuery,
  type StateResult,
  type StateSummary,
  type StateWrite,
  type StoredBatch,
  type StoredChange,
  type StoredChanges,
  type StoredEntry,
  type StoredPage,
  type StoredWrite,
  type VersionedState,
} from './versioned-state.ts'

interface Current {
  readonly entry: StoredEntry
  readonly lease: LeaseId | undefined
}

/** A state that is gone with its program: for tests, and the plainest statement of the rules. */
export class MemoryState implements VersionedState {
  readonly #current = new Map<string, Current>()
  /** The keys of #current, in order. */
  readonly #keys: string[] = []
  readonly #leases = new Map<LeaseId, number>()
  #history: StoredBatch[] = []
  #revision = 0
  #compactedRevision = 0

  summary(): StateSummary {
    return {
      revision: this.#revision,
      compactedRevision: this.#compactedRevision,
      leases: [...this.#leases].map(([id, ttlMs]) => ({ id, ttlMs })),
    }
  }

  find(key: string): StoredEntry | undefined {
    return this.#current.get(key)?.entry
  }

  page(query: PageQuery): StoredPage | Compacted {
    const { prefix, limit, cursor } = query
    const at = cursor?.at ?? this.#revision
    const compactedRevision = this.#compactedRevision
    if (at < compactedRevision) return { compactedRevision }
    const found =
      at === this.#revision
        ? this.#currentAfter(prefix, cursor?.after ?? '', limit + 1)
        : this.#entriesAt(at).filter(
            ({ key }) => key.startsWith(prefix) && key > (cursor?.after ?? ''),
          )
    return { entries: found.slice(0, limit), revision: at, hasMore: found.length > limit }
  }

  changes(query: ChangesQuery): StoredChanges | Compacted {
    const { prefix, after } = query
    const compactedRevision = this.#compactedRevision
    if (after < compactedRevision) return { compactedRevision }
    const start = this.#history.findIndex(({ revision }) => revision > after)
    const batches = start < 0 ? [] : slice(this.#history, start)
    return {
      batches: batches.filter((batch) => batch.changes.some(({ key }) => key.startsWith(prefix))),
      upTo: batches.at(-1)?.revision ?? this.#revision,
    }
  }

  apply(write: StateWrite): StateResult {
    switch (write.kind) {
      case 'transaction':
        checkTransaction(write, this.#view)
        return this.#commit(write.writes)
      case 'grant':
        this.#leases.set(write.lease, write.ttlMs)
        return { revision: this.#revision }
      case 'revoke': {
        if (!this.#leases.delete(write.lease)) return { revision: this.#revision }
        const held = this.#keys.filter((key) => this.#current.get(key)?.lease === write.lease)
        return this.#commit(held.map((key) => ({ remove: key })))
      }
      case 'compact':
        if (write.revision > this.#revision) {
          throw new PolisError('InvalidArgument', `${write.revision} lies in the future`)
        }
        this.#compactedRevision = Math.max(this.#compactedRevision, write.revision)
        this.#history = this.#history.filter(({ revision }) => revision > this.#compactedRevision)
        return { revision: this.#revision }
    }
  }

  readonly #view: StateView = {
    find: (key) => this.find(key),
    findAnyKey: (prefix) => this.#currentAfter(prefix, '', 1)[0]?.key,
    hasLease: (lease) => this.#leases.has(lease),
  }

  #commit(writes: readonly StoredWrite[]): StateResult {
    const revision = this.#revision + 1
    const changes = writes
      .map((write) => this.#write(write, revision))
      .filter((change) => change !== undefined)
      .toSorted((a, b) => (a.key < b.key ? -1 : 1))
    if (changes.length === 0) return { revision: this.#revision }
    this.#revision = revision
    const batch = { revision, changes }
    this.#history.push(batch)
    return { revision, batch }
  }

  #write(write: StoredWrite, revision: number): StoredChange | undefined {
    const key = 'put' in write ? write.put : write.remove
    const previous = this.#current.get(key)?.entry
    const before = previous === undefined ? {} : { previous }
    if ('put' in write) {
      const createRevision = previous?.createRevision ?? revision
      const entry = { key, text: write.text, revision, createRevision }
      if (previous === undefined) this.#keys.splice(this.#indexAfter(key), 0, key)
      this.#current.set(key, { entry, lease: write.lease })
      return { key, entry, ...before }
    }
    if (previous === undefined) return undefined
    this.#current.delete(key)
    this.#keys.splice(this.#indexAfter(key) - 1, 1)
    return { key, previous }
  }

  #currentAfter(prefix: string, after: string, limit: number): readonly StoredEntry[] {
    // A key follows its own prefix, and `after` is exclusive: one index serves both.
    const start = this.#indexAfter(after > prefix ? after : prefix)
    const end = this.#indexAfter(endOfPrefix(prefix))
    return this.#keys
      .slice(start, Math.min(end, start + limit))
      .map((key) => this.find(key))
      .filter((entry) => entry !== undefined)
  }

  /** How many keys are `text` or come before it. */
  #indexAfter(text: string): number {
    let low = 0
    let high = this.#keys.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#keys[middle] ?? '') <= text) low = middle + 1
      else high = middle
    }
    return low
  }

  /** All entries at an earlier revision, ordered: what is current, with later changes taken back. */
  #entriesAt(revision: number): readonly StoredEntry[] {
    const entries = new Map([...this.#current].map(([key, { entry }]) => [key, entry]))
    for (const batch of this.#history.toReversed()) {
      if (batch.revision <= revision) break
      for (const { key, previous } of batch.changes) {
        if (previous === undefined) entries.delete(key)
        else entries.set(key, previous)
      }
    }
    return [...entries.values()].toSorted((a, b) => (a.key < b.key ? -1 : 1))
  }
}

/** At least one batch; as many as a reader may hold at once. */
function slice(history: readonly StoredBatch[], start: number): readonly StoredBatch[] {
  const batches: StoredBatch[] = []
  let sizeBytes = 0
  for (let n = start; n < history.length && batches.length < SLICE_ENTRIES; n += 1) {
    const batch = history[n]
    if (batch === undefined || sizeBytes > SLICE_BYTES) break
    batches.push(batch)
    sizeBytes += sizeOfBatch(batch)
  }
  return batches
}
