// Records as they are kept: wall time in milliseconds, fields as JSON text.
import { PolisError } from '@polis/lib/error'
import type { Json } from '@polis/lib/json'
import {
  MAX_APPEND_BYTES,
  MAX_APPEND_RECORDS,
  MAX_QUERY_RECORDS,
  type JournalFilter,
  type JournalQuery,
  type JournalRecord,
  type NewRecord,
} from './journal.ts'

export interface StoredRecord extends Omit<JournalRecord, 'at' | 'fields'> {
  readonly atMs: number
  readonly fieldsText: string
}
export type NewStoredRecord = Omit<StoredRecord, 'id'>

export interface StoredQuery {
  readonly filter: JournalFilter
  readonly after?: number
  readonly before?: number
  readonly sinceMs?: number
  readonly untilMs?: number
  readonly limit: number
  readonly isNewestFirst: boolean
}

/** The records found; all others up to and including `upTo` do not match (when asked oldest first). */
export interface StoredRecords {
  readonly records: readonly StoredRecord[]
  readonly upTo: number
}

/** What is removed at most in one go, so that appending never waits long. */
interface PruneStep {
  readonly beforeMs?: number
  readonly maxRecords?: number
  readonly limit: number
}

export type JournalWrite =
  | { readonly kind: 'append'; readonly records: readonly NewStoredRecord[] }
  | ({ readonly kind: 'prune' } & PruneStep)

export interface JournalResult {
  readonly appended: readonly StoredRecord[]
  readonly removed: number
}

/** A page ends early rather than carry more than this: parsing it must not hold up the event loop. */
export const QUERY_BYTES = 1024 * 1024

/** Records to be kept; throws InvalidArgument when they are too many or too large. */
export function toStoredRecords(records: readonly NewRecord[]): readonly NewStoredRecord[] {
  const stored = records.map(({ at, fields, ...rest }) => ({
    ...rest,
    atMs: at.getTime(),
    fieldsText: JSON.stringify(fields),
  }))
  if (stored.length > MAX_APPEND_RECORDS) {
    throw tooMuch(`${stored.length} records at once, ${MAX_APPEND_RECORDS} are the limit`)
  }
  const sizeBytes = stored.reduce((sum, record) => sum + sizeOfRecord(record), 0)
  if (sizeBytes > MAX_APPEND_BYTES) {
    throw tooMuch(`${sizeBytes} bytes of records at once, ${MAX_APPEND_BYTES} are the limit`)
  }
  return stored
}

function tooMuch(message: string): PolisError {
  return new PolisError('InvalidArgument', message, { hint: 'append in smaller portions' })
}

export function sizeOfRecord(record: NewStoredRecord): number {
  return 200 + Buffer.byteLength(record.message) + Buffer.byteLength(record.fieldsText)
}

/** About what a write takes in a message. */
export function sizeOfWrite(write: JournalWrite): number {
  if (write.kind !== 'append') return 100
  return write.records.reduce((sum, record) => sum + sizeOfRecord(record), 0)
}

export function fromStoredRecord(stored: StoredRecord): JournalRecord {
  const { atMs, fieldsText, ...rest } = stored
  return { ...rest, at: new Date(atMs), fields: fieldsFrom(fieldsText) }
}

function fieldsFrom(text: string): { readonly [name: string]: Json } {
  return JSON.parse(text)
}

/** Throws InvalidArgument for a limit out of bounds. */
export function toStoredQuery(query: JournalQuery): StoredQuery {
  const { after, before, since, until, limit = 100, order = 'oldest-first', ...filter } = query
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_QUERY_RECORDS) {
    throw new PolisError('InvalidArgument', `a page has 1 to ${MAX_QUERY_RECORDS} records`, {
      path: 'limit',
    })
  }
  return {
    filter,
    limit,
    isNewestFirst: order === 'newest-first',
    ...(after === undefined ? {} : { after }),
    ...(before === undefined ? {} : { before }),
    ...(since === undefined ? {} : { sinceMs: since.getTime() }),
    ...(until === undefined ? {} : { untilMs: until.getTime() }),
  }
}

export function matches(record: StoredRecord, filter: JournalFilter): boolean {
  const { requestId, operationId, objectUid, project, type } = filter
  const projects = typeof project === 'string' ? [project] : project
  return (
    (requestId === undefined || record.requestId === requestId) &&
    (operationId === undefined || record.operationId === operationId) &&
    (objectUid === undefined || record.objectUid === objectUid) &&
    (projects === undefined || projects.includes(record.project ?? '')) &&
    (type === undefined ||
      (type.endsWith('.') ? record.type.startsWith(type) : record.type === type))
  )
}
