// The Store over any versioned state, near (memory-store) or in another thread (sqlite-store).
import { PolisError } from '@polis/lib/error'
import { newUid } from '@polis/lib/uid'
import type { Clock } from '@polis/lib/clock'
import type { Logger } from '@polis/lib/logger'
import { closedError, Feed } from './feed.ts'
import { checkKey, checkPrefix } from './keys.ts'
import { LeaseTimers } from './lease-timers.ts'
import { leaseNotFound, toStoredTransaction } from './transaction.ts'
import {
  CompactedError,
  MAX_PAGE,
  type ChangeBatch,
  type Entry,
  type LeaseId,
  type Leases,
  type ListOptions,
  type Page,
  type Store,
  type Transaction,
  type WatchOptions,
} from './store.ts'
import {
  sizeOfBatch,
  toChangeBatch,
  toEntry,
  type ChangesQuery,
  type Compacted,
  type PageQuery,
  type StateResult,
  type StateSummary,
  type StateWrite,
  type StoredBatch,
  type StoredChanges,
  type StoredEntry,
  type StoredPage,
} from './versioned-state.ts'

/**
 * Where a state is. Writes take effect in the order they are asked; the results of each commit are told to
 * `VersionedStore.committed` before the writes resolve.
 */
export interface StateBackend {
  find(key: string): Promise<StoredEntry | undefined>
  page(query: PageQuery): Promise<StoredPage | Compacted>
  changes(query: ChangesQuery): Promise<StoredChanges | Compacted>
  write(write: StateWrite): Promise<StateResult>
  close(): Promise<void>
}

export interface VersionedStoreDeps {
  readonly clock: Clock
  readonly logger: Logger
  readonly summary: StateSummary
  readonly backend: StateBackend
}

/** History is compacted in steps, so that writers never wait for more than one. */
const COMPACT_STEP = 500

export class VersionedStore implements Store {
  readonly leases: Leases
  readonly #backend: StateBackend
  readonly #feed: Feed<StoredBatch>
  readonly #timers: LeaseTimers
  #compactedRevision: number
  #closing: Promise<void> | undefined
  #end: PolisError | undefined

  constructor(deps: VersionedStoreDeps) {
    const { clock, logger, summary, backend } = deps
    this.#backend = backend
    this.#compactedRevision = summary.compactedRevision
    this.#feed = new Feed({
      head: summary.revision,
      positionOf: (batch) => batch.revision,
      sizeOf: sizeOfBatch,
    })
    const expire = async (lease: LeaseId): Promise<void> => {
      await backend.write({ kind: 'revoke', lease })
    }
    this.#timers = new LeaseTimers({ clock, logger, expire })
    for (const { id, ttlMs } of summary.leases) this.#timers.start(id, ttlMs)
    this.leases = {
      grant: (ttlMs) => this.#grant(ttlMs),
      keepAlive: (id) => this.#keepAlive(id),
      revoke: (id) => this.#revoke(id),
    }
  }

  /** For the backend: what was just committed, in order, before the writers learn of it. */
  committed(results: readonly StateResult[]): void {
    this.#feed.publish(results.map(({ batch }) => batch).filter((batch) => batch !== undefined))
  }

  /** For the backend: it broke and will answer no more. */
  broken(error: PolisError): void {
    this.#end ??= error
    this.#timers.close()
    this.#feed.close(error)
  }

  async get(key: string): Promise<Entry> {
    const entry = await this.find(key)
    if (entry === undefined) throw new PolisError('NotFound', `${key} is not there`, { path: key })
    return entry
  }

  async find(key: string): Promise<Entry | undefined> {
    this.#checkOpen()
    checkKey(key)
    const stored = await this.#backend.find(key)
    return stored === undefined ? undefined : toEntry(stored)
  }

  async list(prefix: string, options: ListOptions = {}): Promise<Page> {
    this.#checkOpen()
    checkPrefix(prefix)
    const { limit = MAX_PAGE, cursor } = options
    if (!Number.isInteger(limit) || limit < 1 || limit > MAX_PAGE) {
      throw new PolisError('InvalidArgument', `a page has 1 to ${MAX_PAGE} entries`, {
        path: 'limit',
      })
    }
    if (cursor !== undefined) this.#checkCursor(cursor.after, cursor.at)
    const stored = await this.#backend.page({ prefix, limit, cursor })
    if ('compactedRevision' in stored) {
      throw new CompactedError(cursor?.at ?? 0, stored.compactedRevision)
    }
    const entries = stored.entries.map(toEntry)
    const last = entries.at(-1)
    const page = { entries, revision: stored.revision }
    if (!stored.hasMore || last === undefined) return page
    return { ...page, cursor: { after: last.key, at: stored.revision } }
  }

  async transact(transaction: Transaction): Promise<{ readonly revision: number }> {
    this.#checkOpen()
    const stored = toStoredTransaction(transaction)
    for (const write of stored.writes) {
      if ('remove' in write || write.lease === undefined) continue
      if (!this.#timers.isAlive(write.lease)) throw leaseNotFound(write.lease)
    }
    const { revision } = await this.#backend.write(stored)
    return { revision }
  }

  watch(options: WatchOptions, signal: AbortSignal): AsyncIterable<ChangeBatch> {
    // Where it starts is fixed now, not at the first step of the loop: changes in between belong to it.
    return this.#watch(options.prefix, options.from ?? this.#feed.head, signal)
  }

  async *#watch(prefix: string, from: number, signal: AbortSignal): AsyncGenerator<ChangeBatch> {
    this.#checkOpen()
    checkPrefix(prefix)
    this.#checkRevision(from, 'from')
    if (from < this.#compactedRevision) throw new CompactedError(from, this.#compactedRevision)
    const follow = {
      after: from,
      matches: (batch: StoredBatch) => batch.changes.some(({ key }) => key.startsWith(prefix)),
      read: async (after: number) => {
        const found = await this.#backend.changes({ prefix, after })
        if ('compactedRevision' in found) throw new CompactedError(after, found.compactedRevision)
        return { items: found.batches, upTo: found.upTo }
      },
    }
    for await (const stored of this.#feed.follow(follow, signal)) {
      const batch = toChangeBatch(stored, prefix)
      if (batch !== undefined) yield batch
    }
  }

  async revision(): Promise<number> {
    this.#checkOpen()
    return this.#feed.head
  }

  async compact(revision: number): Promise<void> {
    this.#checkOpen()
    this.#checkRevision(revision, 'revision')
    while (this.#compactedRevision < revision) {
      const step = Math.min(revision, this.#compactedRevision + COMPACT_STEP)
      await this.#backend.write({ kind: 'compact', revision: step })
      this.#compactedRevision = Math.max(this.#compactedRevision, step)
    }
  }

  close(): Promise<void> {
    this.broken(closedError('store'))
    this.#closing ??= this.#backend.close()
    return this.#closing
  }

  async #grant(ttlMs: number): Promise<LeaseId> {
    this.#checkOpen()
    if (!Number.isInteger(ttlMs) || ttlMs < 1) {
      throw new PolisError('InvalidArgument', 'a lease lasts a whole number of milliseconds', {
        path: 'ttlMs',
      })
    }
    const lease = newUid()
    await this.#backend.write({ kind: 'grant', lease, ttlMs })
    this.#timers.start(lease, ttlMs)
    return lease
  }

  async #keepAlive(id: LeaseId): Promise<void> {
    this.#checkOpen()
    if (!this.#timers.keepAlive(id)) throw leaseNotFound(id)
  }

  async #revoke(id: LeaseId): Promise<void> {
    this.#checkOpen()
    await this.#backend.write({ kind: 'revoke', lease: id })
    this.#timers.stop(id)
  }

  #checkOpen(): void {
    if (this.#end !== undefined) throw this.#end
  }

  #checkCursor(after: string, at: number | undefined): void {
    checkKey(after)
    if (at !== undefined) this.#checkRevision(at, 'cursor')
  }

  #checkRevision(revision: number, path: string): void {
    if (Number.isInteger(revision) && revision >= 0 && revision <= this.#feed.head) return
    throw new PolisError('InvalidArgument', `${revision} is not a revision so far`, { path })
  }
}
