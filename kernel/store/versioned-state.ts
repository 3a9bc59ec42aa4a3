// What every adapter of this package keeps: versions of keys, their history, leases. Values are JSON text here,
// so that they cross threads and reach the disk without being built up and torn down on the way.
import type { Json } from '@polis/lib/json'
import type { ChangeBatch, Entry, LeaseId, ListCursor, Precondition } from './store.ts'

/** One version of a key, as it is stored. */
export interface StoredEntry {
  readonly key: string
  readonly text: string
  readonly revision: number
  readonly createRevision: number
}

/** What happened to one key in one revision; without `entry` it was removed. */
export interface StoredChange {
  readonly key: string
  readonly entry?: StoredEntry
  readonly previous?: StoredEntry
}

export interface StoredBatch {
  readonly revision: number
  readonly changes: readonly StoredChange[]
}

/** Instead of an answer: the history asked for is gone. */
export interface Compacted {
  readonly compactedRevision: number
}

export interface PageQuery {
  readonly prefix: string
  readonly limit: number
  readonly cursor?: ListCursor | undefined
}

export interface StoredPage {
  readonly entries: readonly StoredEntry[]
  readonly revision: number
  readonly hasMore: boolean
}

export interface ChangesQuery {
  readonly prefix: string
  readonly after: number
}

/** The batches with changes under the prefix, as far as was looked: up to and including `upTo`. */
export interface StoredChanges {
  readonly batches: readonly StoredBatch[]
  readonly upTo: number
}

export type StoredWrite =
  | { readonly put: string; readonly text: string; readonly lease?: LeaseId }
  | { readonly remove: string }

/** Everything that changes a state. */
export type StateWrite =
  | {
      readonly kind: 'transaction'
      readonly preconditions: readonly Precondition[]
      readonly writes: readonly StoredWrite[]
    }
  | { readonly kind: 'grant'; readonly lease: LeaseId; readonly ttlMs: number }
  | { readonly kind: 'revoke'; readonly lease: LeaseId }
  | { readonly kind: 'compact'; readonly revision: number }

/** What a write did: the revision afterwards, and the batch it made, when it changed a key. */
export interface StateResult {
  readonly revision: number
  readonly batch?: StoredBatch
}

/** What a state was when it was opened. */
export interface StateSummary {
  readonly revision: number
  readonly compactedRevision: number
  readonly leases: readonly { readonly id: LeaseId; readonly ttlMs: number }[]
}

/**
 * The synchronous heart of a store. `apply` decides before it writes, so that a refusal (a thrown PolisError of
 * code Aborted, NotFound, InvalidArgument) leaves nothing behind.
 */
export interface VersionedState {
  summary(): StateSummary
  find(key: string): StoredEntry | undefined
  page(query: PageQuery): StoredPage | Compacted
  changes(query: ChangesQuery): StoredChanges | Compacted
  apply(write: StateWrite): StateResult
}

/** History is read in slices of about this much, so that no reader makes others wait or fills the memory. */
export const SLICE_ENTRIES = 500
export const SLICE_BYTES = 1024 * 1024
/** A page ends early rather than carry more text than this: parsing it must not hold up the event loop. */
export const PAGE_BYTES = 1024 * 1024

export function toEntry(stored: StoredEntry): Entry {
  const { key, text, revision, createRevision } = stored
  return { key, value: fromText(text), revision, createRevision }
}

function fromText(text: string): Json {
  return JSON.parse(text)
}

/** What a watcher of `prefix` sees of a batch; undefined when that is nothing. */
export function toChangeBatch(stored: StoredBatch, prefix: string): ChangeBatch | undefined {
  const changes = stored.changes
    .filter(({ key }) => key.startsWith(prefix))
    .map(({ key, entry, previous }) => {
      const before = previous === undefined ? {} : { previous: toEntry(previous) }
      if (entry !== undefined) return { type: 'put', entry: toEntry(entry), ...before } as const
      if (before.previous === undefined) throw new Error(`${key} was removed without having been`)
      return { type: 'remove', key, previous: before.previous } as const
    })
  return changes.length === 0 ? undefined : { revision: stored.revision, changes }
}

/** About what a batch takes in memory. */
export function sizeOfBatch(batch: StoredBatch): number {
  let size = 0
  for (const { key, entry, previous } of batch.changes) {
    size += 200 + key.length + (entry?.text.length ?? 0) + (previous?.text.length ?? 0)
  }
  return size
}

/** About what a write takes in a message. */
export function sizeOfWrite(write: StateWrite): number {
  if (write.kind !== 'transaction') return 100
  let size = 100
  for (const each of write.writes) size += 100 + ('text' in each ? each.text.length : 0)
  return size
}
