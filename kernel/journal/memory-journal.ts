import type { Clock } from '@polis/lib/clock'
import { NumberedJournal } from './numbered-journal.ts'
import {
  matches,
  QUERY_BYTES,
  sizeOfRecord,
  type JournalResult,
  type JournalWrite,
  type StoredQuery,
  type StoredRecord,
  type StoredRecords,
} from './stored-record.ts'
import type { Journal } from './journal.ts'

/** A journal that is gone with its program: for tests. It sits the same exam as the others. */
export function openMemoryJournal(deps: { readonly clock: Clock }): Journal {
  const kept = new KeptRecords()
  const journal = new NumberedJournal({
    clock: deps.clock,
    lastId: 0,
    backend: {
      query: async (query) => kept.query(query),
      write: async (write) => {
        const result = kept.apply(write)
        journal.committed([result])
        return result
      },
      close: async () => undefined,
    },
  })
  return journal
}

class KeptRecords {
  #records: StoredRecord[] = []
  #lastId = 0

  query(query: StoredQuery): StoredRecords {
    const { filter, after = 0, before = Infinity, isNewestFirst } = query
    const { sinceMs = -Infinity, untilMs = Infinity } = query
    const found = this.#records.filter(
      (record) =>
        record.id > after &&
        record.id < before &&
        record.atMs >= sinceMs &&
        record.atMs < untilMs &&
        matches(record, filter),
    )
    const records: StoredRecord[] = []
    let sizeBytes = 0
    for (const record of isNewestFirst ? found.toReversed() : found) {
      if (records.length === query.limit || sizeBytes > QUERY_BYTES) {
        return { records, upTo: records.at(-1)?.id ?? after }
      }
      records.push(record)
      sizeBytes += sizeOfRecord(record)
    }
    return { records, upTo: this.#lastId }
  }

  apply(write: JournalWrite): JournalResult {
    if (write.kind === 'append') {
      const appended = write.records.map((record) => ({ ...record, id: (this.#lastId += 1) }))
      this.#records.push(...appended)
      return { appended, removed: 0 }
    }
    const { beforeMs = -Infinity, maxRecords = Infinity, limit } = write
    const surplus = this.#records.length - maxRecords
    const over = this.#records
      .filter(({ atMs }, n) => atMs < beforeMs || n < surplus)
      .slice(0, limit)
    this.#records = this.#records.filter((record) => !over.includes(record))
    return { appended: [], removed: over.length }
  }
}
