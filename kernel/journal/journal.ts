import type { Json } from '@polis/lib/json'

/**
 * What happened, in the order in which it was told: events, steps of operations, audit. Append-only, kept beside
 * the store for as long as its owner says. Nothing is decided from it; it is there to be read and followed.
 *
 * Every method may throw Unavailable (closed, or the disk is gone). Reads see every record whose append was
 * acknowledged before they were asked.
 */
export interface Journal {
  /**
   * Appends all or none, and returns them as they are kept. Repeating appends again. InvalidArgument: more than
   * MAX_APPEND_RECORDS or MAX_APPEND_BYTES; ResourceExhausted: the disk is full, nothing was appended;
   * Unavailable: it may or may not have happened.
   */
  append(records: readonly NewRecord[]): Promise<readonly JournalRecord[]>

  /**
   * One page of the records that match everything asked. A page may hold fewer than `limit` when records are
   * large; go on from the last one's id until a page is empty. InvalidArgument: a limit out of bounds.
   */
  query(query: JournalQuery): Promise<readonly JournalRecord[]>

  /**
   * Every matching record after the id `after`, or from now without it: in order, exactly once, kept ones first.
   * Records that retention removed before they were read are passed over. A slow reader holds up nobody.
   * Ends only by leaving the loop or by an error: the signal's own reason once it aborts; InvalidArgument for an
   * id that does not exist yet; Unavailable when the journal closes.
   */
  watch(options: JournalWatchOptions, signal: AbortSignal): AsyncIterable<JournalRecord>

  /** Removes what `retention` does not keep, and returns how many records that were. Safe to repeat. */
  prune(retention: Retention): Promise<number>

  /** Ends watches and refuses further calls with Unavailable; what was acknowledged is kept. Safe to repeat. */
  close(): Promise<void>
}

export const LEVELS = ['info', 'warning', 'error'] as const
export type Level = (typeof LEVELS)[number]

/** Never change `fields` in place: readers share it. */
export interface JournalRecord {
  /** Grows with every record, and is never given again. */
  readonly id: number
  /** Wall time of what happened, as told by whoever appended it: for people, not for order. */
  readonly at: Date
  /** Dotted, from the general to the special: `operation.step`, `audit.sign-in`. */
  readonly type: string
  readonly level: Level
  /** One sentence for people, without secrets. */
  readonly message: string
  readonly requestId?: string
  readonly operationId?: string
  readonly project?: string
  readonly objectUid?: string
  readonly objectKind?: string
  /** The acting user or service. */
  readonly actor?: string
  readonly fields: { readonly [name: string]: Json }
}

export type NewRecord = Omit<JournalRecord, 'id'>

/** All that is named must match. */
export interface JournalFilter {
  readonly requestId?: string
  readonly operationId?: string
  readonly objectUid?: string
  /** One project, or any of several: what a viewer may see. */
  readonly project?: string | readonly string[]
  /** A type, or all below one when it ends with a dot: `audit.`. */
  readonly type?: string
}

export interface JournalQuery extends JournalFilter {
  /** Ids, exclusive. */
  readonly after?: number
  readonly before?: number
  /** Wall times: from, and up to but without. */
  readonly since?: Date
  readonly until?: Date
  /** 1 to MAX_QUERY_RECORDS; 100 when left out. */
  readonly limit?: number
  /** Oldest first when left out. */
  readonly order?: 'oldest-first' | 'newest-first'
}

export interface JournalWatchOptions {
  readonly after?: number
  readonly filter?: JournalFilter
}

/** A record stays when it is younger than `keepMs` and among the newest `maxRecords`; what is left out keeps all. */
export interface Retention {
  readonly keepMs?: number
  readonly maxRecords?: number
}

export const MAX_APPEND_RECORDS = 1000
export const MAX_APPEND_BYTES = 4 * 1024 * 1024
export const MAX_QUERY_RECORDS = 1000
