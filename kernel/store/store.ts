import type { Json } from '@polis/lib/json'
import { PolisError } from '@polis/lib/error'

/**
 * The kernel's memory: keys with JSON values, ordered, versioned and watchable. The contract is what etcd 3.4
 * keeps (https://etcd.io/docs/v3.4/learning/api/), so that one server's file and a cluster's quorum are
 * exchangeable; `storeConformance` is its exam.
 *
 * A key is 1 to 512 printable ASCII characters without blanks; `/` separates its parts and stands neither at an
 * end nor twice in a row. A prefix is the empty string (everything) or ends with `/`, so that `volume/a/` never
 * matches `volume/ab`. Order is byte order. Whatever breaks these rules throws InvalidArgument.
 *
 * Revisions count changes: each transaction that changes something, and each expiry of a lease that held keys,
 * raises the store's revision by one and gives it to all it wrote.
 *
 * Every method may throw Unavailable (closed, or the disk or quorum is gone). Reads see every write that was
 * acknowledged before they were asked.
 */
export interface Store {
  /** The entry under `key`. Throws NotFound (path: the key). */
  get(key: string): Promise<Entry>

  /** The entry under `key`, or undefined. */
  find(key: string): Promise<Entry | undefined>

  /**
   * One page of the entries whose keys start with `prefix`, ordered by key. To read further pages of the same
   * snapshot pass the page's `cursor` on; when history up to that snapshot has been compacted meanwhile, that
   * throws CompactedError and the list starts over. A cursor without `at` reads what is current.
   */
  list(prefix: string, options?: ListOptions): Promise<Page>

  /**
   * Writes all or nothing, provided every precondition holds at that moment. Preconditions look at the state
   * before the writes. Removing an absent key changes nothing. Without a change the revision stays.
   *
   * - Aborted: preconditions did not hold; nothing changed. `path` is the key or prefix of the first, `problems`
   *   lists all. Read again, decide again, try again.
   * - InvalidArgument: a bad key, a key written twice, more than MAX_OPERATIONS or MAX_TRANSACTION_BYTES.
   * - NotFound: the lease named by a put is gone (path: the lease); nothing changed.
   * - ResourceExhausted: the disk is full; nothing changed. Works again once there is room.
   * - Unavailable: it may or may not have happened. Repeat only what preconditions make safe to repeat.
   */
  transact(transaction: Transaction): Promise<{ readonly revision: number }>

  /**
   * Every change under `prefix` after the revision `from`: in order, exactly once, all of one revision in one
   * batch. Without `from` it starts at what is acknowledged when this is called. The pattern that misses nothing
   * is: list, then watch from the page's revision, and list again on CompactedError.
   *
   * A slow reader holds up no writer and costs no memory: it reads on from history when it comes back, and gets
   * CompactedError when history was compacted past it.
   *
   * Ends only by leaving the loop or by an error: the signal's own reason once it aborts; CompactedError;
   * InvalidArgument for a revision that does not exist yet; Unavailable when the store closes.
   */
  watch(options: WatchOptions, signal: AbortSignal): AsyncIterable<ChangeBatch>

  /** The revision of the last acknowledged change; 0 when nothing was ever written. */
  revision(): Promise<number>

  /**
   * Forgets history before `revision`: snapshots before it and watches from before it throw CompactedError; the
   * state at `revision` and all changes after it stay. Repeating, or naming an older revision, does nothing.
   * InvalidArgument: `revision` lies in the future.
   */
  compact(revision: number): Promise<void>

  readonly leases: Leases

  /** Ends watches and refuses further calls with Unavailable; what was acknowledged is kept. Safe to repeat. */
  close(): Promise<void>
}

/** Keys that live only as long as someone keeps saying so: leadership, sessions. */
export interface Leases {
  /** A lease that ends `ttlMs` from now unless kept alive. Adapters may round up to whole seconds. */
  grant(ttlMs: number): Promise<LeaseId>
  /** Another full `ttlMs` from now. NotFound: it has ended already, and so have its keys. */
  keepAlive(id: LeaseId): Promise<void>
  /** Ends it and removes its keys, in one revision. Safe to repeat. */
  revoke(id: LeaseId): Promise<void>
}

/** Names a lease. Leases outlive a restart of the store, with a full `ttlMs` to go. */
export type LeaseId = string

/** A key, its value, and when it came to be so. Shared between readers: never change `value` in place. */
export interface Entry {
  readonly key: string
  readonly value: Json
  /** Of its last change. */
  readonly revision: number
  /** Of the change that made the key; a key removed and made again starts anew. */
  readonly createRevision: number
}

/**
 * What must hold for a transaction to happen. `absent` makes a put a unique claim: of several that race, one
 * wins. `empty` (no key under the prefix) guards a removal: nothing is deleted while references stand there.
 */
export type Precondition =
  | { readonly key: string; readonly is: 'absent' }
  | { readonly key: string; readonly is: 'present' }
  | { readonly key: string; readonly revision: number }
  | { readonly prefix: string; readonly is: 'empty' }

/** A put without `lease` takes the key out of the lease it was attached to. */
export type Write =
  | { readonly put: string; readonly value: Json; readonly lease?: LeaseId }
  | { readonly remove: string }

export interface Transaction {
  readonly preconditions?: readonly Precondition[]
  readonly writes: readonly Write[]
}

export interface ListOptions {
  /** Entries per page, 1 to MAX_PAGE; MAX_PAGE when left out. */
  readonly limit?: number
  readonly cursor?: ListCursor | undefined
}

/** Where a page ended: plain and serialisable, so that an API can hand it to its clients. */
export interface ListCursor {
  /** Exclusive. */
  readonly after: string
  /** The snapshot's revision; left out, what is current. */
  readonly at?: number
}

export interface Page {
  readonly entries: readonly Entry[]
  /** The revision of the snapshot that was read: where to watch from. */
  readonly revision: number
  /** Only when more entries follow. */
  readonly cursor?: ListCursor
}

export interface WatchOptions {
  readonly prefix: string
  /** Exclusive: the last revision already seen. */
  readonly from?: number
}

/** All changes of one revision under the watched prefix, ordered by key. */
export interface ChangeBatch {
  readonly revision: number
  readonly changes: readonly Change[]
}

export type Change =
  | { readonly type: 'put'; readonly entry: Entry; readonly previous?: Entry }
  | { readonly type: 'remove'; readonly key: string; readonly previous: Entry }

/** Preconditions and writes together. etcd's default is 128 (`--max-txn-ops`); the rest is left for adapters. */
export const MAX_OPERATIONS = 100
/** Keys and values as UTF-8 JSON. etcd's default is 1.5 MiB (`--max-request-bytes`), with its own framing. */
export const MAX_TRANSACTION_BYTES = 512 * 1024
/** Entries in a page at most. */
export const MAX_PAGE = 1000

/** The history asked for is gone: list again and go on from the new revision. */
export class CompactedError extends PolisError {
  /** The oldest revision still readable. */
  readonly compactedRevision: number

  constructor(asked: number, compactedRevision: number) {
    super(
      'FailedPrecondition',
      `history before revision ${compactedRevision} is compacted; ${asked} was asked for`,
      { path: 'compacted', hint: 'list again and watch from the revision of the list' },
    )
    this.compactedRevision = compactedRevision
  }
}
