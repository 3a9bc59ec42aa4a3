// The Journal over any place that keeps numbered records, near (memory-journal) or in another thread (sqlite-journal).
import { PolisError } from '@polis/lib/error'
import type { Clock } from '@polis/lib/clock'
import { closedError, Feed } from '../store/feed.ts'
import {
  fromStoredRecord,
  matches,
  sizeOfRecord,
  toStoredQuery,
  toStoredRecords,
  type JournalResult,
  type JournalWrite,
  type StoredQuery,
  type StoredRecord,
  type StoredRecords,
} from './stored-record.ts'
import type {
  Journal,
  JournalFilter,
  JournalQuery,
  JournalRecord,
  JournalWatchOptions,
  NewRecord,
  Retention,
} from './journal.ts'

/**
 * Where records are. Writes take effect in the order they are asked; what each commit appended is told to
 * `NumberedJournal.committed` before the writes resolve.
 */
export interface JournalBackend {
  query(query: StoredQuery): Promise<StoredRecords>
  write(write: JournalWrite): Promise<JournalResult>
  close(): Promise<void>
}

const SLICE_RECORDS = 500
const PRUNE_RECORDS = 1000

export class NumberedJournal implements Journal {
  readonly #backend: JournalBackend
  readonly #clock: Clock
  readonly #feed: Feed<StoredRecord>
  #closing: Promise<void> | undefined
  #end: PolisError | undefined

  constructor(deps: {
    readonly backend: JournalBackend
    readonly clock: Clock
    /** The id of the last record there ever was. */
    readonly lastId: number
  }) {
    this.#backend = deps.backend
    this.#clock = deps.clock
    const positionOf = (record: StoredRecord): number => record.id
    this.#feed = new Feed({ head: deps.lastId, positionOf, sizeOf: sizeOfRecord })
  }

  /** For the backend: what was just committed, in order, before the writers learn of it. */
  committed(results: readonly JournalResult[]): void {
    this.#feed.publish(results.flatMap(({ appended }) => appended))
  }

  /** For the backend: it broke and will answer no more. */
  broken(error: PolisError): void {
    this.#end ??= error
    this.#feed.close(error)
  }

  async append(records: readonly NewRecord[]): Promise<readonly JournalRecord[]> {
    this.#checkOpen()
    const stored = toStoredRecords(records)
    if (stored.length === 0) return []
    const { appended } = await this.#backend.write({ kind: 'append', records: stored })
    return appended.map(fromStoredRecord)
  }

  async query(query: JournalQuery): Promise<readonly JournalRecord[]> {
    this.#checkOpen()
    const { records } = await this.#backend.query(toStoredQuery(query))
    return records.map(fromStoredRecord)
  }

  watch(options: JournalWatchOptions, signal: AbortSignal): AsyncIterable<JournalRecord> {
    // Where it starts is fixed now, not at the first step of the loop: records in between belong to it.
    return this.#watch(options.after ?? this.#feed.head, options.filter ?? {}, signal)
  }

  async *#watch(
    after: number,
    filter: JournalFilter,
    signal: AbortSignal,
  ): AsyncGenerator<JournalRecord> {
    this.#checkOpen()
    if (!Number.isInteger(after) || after < 0 || after > this.#feed.head) {
      throw new PolisError('InvalidArgument', `${after} is not a record so far`, { path: 'after' })
    }
    const follow = {
      after,
      matches: (record: StoredRecord) => matches(record, filter),
      read: async (from: number) => {
        const query = { filter, after: from, limit: SLICE_RECORDS, isNewestFirst: false }
        const { records, upTo } = await this.#backend.query(query)
        return { items: records, upTo }
      },
    }
    for await (const record of this.#feed.follow(follow, signal)) yield fromStoredRecord(record)
  }

  async prune(retention: Retention): Promise<number> {
    this.#checkOpen()
    const { keepMs, maxRecords } = retention
    const beforeMs = keepMs === undefined ? undefined : this.#clock.now().getTime() - keepMs
    let total = 0
    for (let removed = PRUNE_RECORDS; removed === PRUNE_RECORDS; total += removed) {
      const step = await this.#backend.write({
        kind: 'prune',
        limit: PRUNE_RECORDS,
        ...(beforeMs === undefined ? {} : { beforeMs }),
        ...(maxRecords === undefined ? {} : { maxRecords }),
      })
      removed = step.removed
    }
    if (total > 0) this.#feed.forgetRecent()
    return total
  }

  close(): Promise<void> {
    this.broken(closedError('journal'))
    this.#closing ??= this.#backend.close()
    return this.#closing
  }

  #checkOpen(): void {
    if (this.#end !== undefined) throw this.#end
  }
}
