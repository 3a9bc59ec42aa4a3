import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { PolisError } from '@polis/lib/error'
import { endOfPrefix } from './keys.ts'
import { numberAt, textAt, type Row } from './sqlite-file.ts'
import { checkTransaction, type StateView } from './transaction.ts'
import {
  PAGE_BYTES,
  SLICE_BYTES,
  SLICE_ENTRIES,
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

/**
 * One table holds every version of every key, so that history costs no second copy. `superseded` is the revision
 * that replaced a version, NULL while it is current; a removal is a version without a value that supersedes itself.
 */
export const STORE_MIGRATIONS: readonly string[] = [
  `CREATE TABLE version (
     id INTEGER PRIMARY KEY,
     revision INTEGER NOT NULL,
     key TEXT NOT NULL,
     create_revision INTEGER NOT NULL,
     value TEXT,
     lease TEXT,
     superseded INTEGER
   ) STRICT;
   CREATE UNIQUE INDEX version_current ON version (key) WHERE superseded IS NULL;
   CREATE INDEX version_history ON version (key, revision);
   CREATE INDEX version_revision ON version (revision);
   CREATE INDEX version_lease ON version (lease) WHERE lease IS NOT NULL AND superseded IS NULL;
   CREATE TABLE lease (id TEXT PRIMARY KEY, ttl_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;
   CREATE TABLE meta (revision INTEGER NOT NULL, compacted_revision INTEGER NOT NULL) STRICT;
   INSERT INTO meta VALUES (0, 0);`,
]

const ENTRY = 'key, value, revision, create_revision'

/** A state in a SQLite file. Its owner begins, commits and rolls back the transactions around `apply`. */
export class SqliteState implements VersionedState {
  readonly #statements: ReturnType<typeof prepareAll>
  readonly #view: StateView
  #revision = 0
  #compactedRevision = 0

  constructor(database: DatabaseSync) {
    this.#statements = prepareAll(database)
    this.#view = {
      find: (key) => this.find(key),
      findAnyKey: (prefix) => {
        const row = this.#statements.anyKey.get(prefix, endOfPrefix(prefix))
        return row === undefined ? undefined : textAt(row, 'key')
      },
      hasLease: (lease) => this.#statements.findLease.get(lease) !== undefined,
    }
    this.reload()
  }

  /** Takes the counters from the file: at the start, and after a rollback. */
  reload(): void {
    const meta = this.#statements.readMeta.get() ?? {}
    this.#revision = numberAt(meta, 'revision')
    this.#compactedRevision = numberAt(meta, 'compacted_revision')
  }

  /** Puts the counters into the file: once per commit, however many writes that covers. */
  save(): void {
    this.#statements.saveMeta.run(this.#revision, this.#compactedRevision)
  }

  summary(): StateSummary {
    const leases = this.#statements.leases
      .all()
      .map((row) => ({ id: textAt(row, 'id'), ttlMs: numberAt(row, 'ttl_ms') }))
    return { revision: this.#revision, compactedRevision: this.#compactedRevision, leases }
  }

  find(key: string): StoredEntry | undefined {
    const row = this.#statements.find.get(key)
    return row === undefined ? undefined : toStoredEntry(row)
  }

  page(query: PageQuery): StoredPage | Compacted {
    const { prefix, limit, cursor } = query
    const revision = cursor?.at ?? this.#revision
    const compactedRevision = this.#compactedRevision
    if (revision < compactedRevision) return { compactedRevision }
    const after = cursor !== undefined && cursor.after > prefix ? cursor.after : prefix
    const rows =
      revision === this.#revision
        ? this.#statements.page.iterate(after, endOfPrefix(prefix), limit + 1)
        : this.#statements.pastPage.iterate({
            after,
            end: endOfPrefix(prefix),
            at: revision,
            limit: limit + 1,
          })
    const entries: StoredEntry[] = []
    let sizeBytes = 0
    for (const row of rows) {
      if (entries.length === limit || sizeBytes > PAGE_BYTES) {
        return { entries, revision, hasMore: true }
      }
      const entry = toStoredEntry(row)
      entries.push(entry)
      sizeBytes += entry.text.length
    }
    return { entries, revision, hasMore: false }
  }

  changes(query: ChangesQuery): StoredChanges | Compacted {
    const { prefix, after } = query
    const compactedRevision = this.#compactedRevision
    if (after < compactedRevision) return { compactedRevision }
    const batches: StoredBatch[] = []
    let changes: StoredChange[] = []
    let revision = after
    let [seen, sizeBytes] = [0, 0]
    for (const row of this.#statements.changesAfter.iterate(after)) {
      const next = numberAt(row, 'revision')
      if (next !== revision) {
        if (changes.length > 0) batches.push({ revision, changes })
        // Only between revisions: what belongs to one is never torn apart.
        if (seen >= SLICE_ENTRIES || sizeBytes > SLICE_BYTES) return { batches, upTo: revision }
        ;[revision, changes] = [next, []]
      }
      seen += 1
      if (!textAt(row, 'key').startsWith(prefix)) continue
      const change = this.#toChange(row)
      changes.push(change)
      sizeBytes += (change.entry?.text.length ?? 0) + (change.previous?.text.length ?? 0)
    }
    if (changes.length > 0) batches.push({ revision, changes })
    return { batches, upTo: this.#revision }
  }

  apply(write: StateWrite): StateResult {
    switch (write.kind) {
      case 'transaction':
        checkTransaction(write, this.#view)
        return this.#commit(write.writes)
      case 'grant':
        this.#statements.addLease.run(write.lease, write.ttlMs)
        return { revision: this.#revision }
      case 'revoke': {
        const held = this.#statements.keysOfLease.all(write.lease)
        this.#statements.removeLease.run(write.lease)
        return this.#commit(held.map((row) => ({ remove: textAt(row, 'key') })))
      }
      case 'compact':
        this.#compact(write.revision)
        return { revision: this.#revision }
    }
  }

  #commit(writes: readonly StoredWrite[]): StateResult {
    const revision = this.#revision + 1
    const changes = writes
      .map((write) => this.#write(write, revision))
      .filter((change) => change !== undefined)
      .toSorted((a, b) => (a.key < b.key ? -1 : 1))
    if (changes.length === 0) return { revision: this.#revision }
    this.#revision = revision
    return { revision, batch: { revision, changes } }
  }

  #write(write: StoredWrite, revision: number): StoredChange | undefined {
    const { find, supersede, insert } = this.#statements
    const key = 'put' in write ? write.put : write.remove
    const row = find.get(key)
    const previous = row === undefined ? undefined : toStoredEntry(row)
    if (row !== undefined) supersede.run(revision, numberAt(row, 'id'))
    if ('put' in write) {
      const { text, lease = null } = write
      const createRevision = previous?.createRevision ?? revision
      insert.run(revision, key, createRevision, text, lease, null)
      const entry = { key, text, revision, createRevision }
      return previous === undefined ? { key, entry } : { key, entry, previous }
    }
    if (previous === undefined) return undefined
    insert.run(revision, key, previous.createRevision, null, null, revision)
    return { key, previous }
  }

  #toChange(row: Row): StoredChange {
    const key = textAt(row, 'key')
    const before = this.#statements.versionBefore.get(key, numberAt(row, 'revision'))
    const previous =
      before === undefined || before['value'] === null ? {} : { previous: toStoredEntry(before) }
    return row['value'] === null
      ? { key, ...previous }
      : { key, entry: toStoredEntry(row), ...previous }
  }

  #compact(revision: number): void {
    if (revision > this.#revision) {
      throw new PolisError('InvalidArgument', `${revision} lies in the future`)
    }
    if (revision <= this.#compactedRevision) return
    this.#statements.compact.run({ from: this.#compactedRevision, to: revision })
    this.#compactedRevision = revision
  }
}

function toStoredEntry(row: Row): StoredEntry {
  return {
    key: textAt(row, 'key'),
    text: textAt(row, 'value'),
    revision: numberAt(row, 'revision'),
    createRevision: numberAt(row, 'create_revision'),
  }
}

function prepareAll(
  database: DatabaseSync,
): Record<
  | 'readMeta'
  | 'saveMeta'
  | 'leases'
  | 'findLease'
  | 'addLease'
  | 'removeLease'
  | 'keysOfLease'
  | 'find'
  | 'anyKey'
  | 'page'
  | 'pastPage'
  | 'changesAfter'
  | 'versionBefore'
  | 'supersede'
  | 'insert'
  | 'compact',
  StatementSync
> {
  const current = 'FROM version INDEXED BY version_current WHERE superseded IS NULL'
  const prepare = (sql: string): StatementSync => database.prepare(sql)
  return {
    readMeta: prepare('SELECT revision, compacted_revision FROM meta'),
    saveMeta: prepare('UPDATE meta SET revision = ?, compacted_revision = ?'),
    leases: prepare('SELECT id, ttl_ms FROM lease'),
    findLease: prepare('SELECT 1 FROM lease WHERE id = ?'),
    addLease: prepare('INSERT INTO lease (id, ttl_ms) VALUES (?, ?)'),
    removeLease: prepare('DELETE FROM lease WHERE id = ?'),
    keysOfLease: prepare(
      'SELECT key FROM version INDEXED BY version_lease WHERE lease = ? AND superseded IS NULL',
    ),
    find: prepare(`SELECT id, ${ENTRY} ${current} AND key = ?`),
    anyKey: prepare(`SELECT key ${current} AND key > ? AND key < ? LIMIT 1`),
    page: prepare(`SELECT ${ENTRY} ${current} AND key > ? AND key < ? ORDER BY key LIMIT ?`),
    pastPage: prepare(
      `SELECT ${ENTRY} FROM version INDEXED BY version_history
       WHERE key > :after AND key < :end AND revision <= :at AND value IS NOT NULL
         AND (superseded IS NULL OR superseded > :at) ORDER BY key LIMIT :limit`,
    ),
    changesAfter: prepare(
      `SELECT ${ENTRY} FROM version INDEXED BY version_revision
       WHERE revision > ? ORDER BY revision, key`,
    ),
    versionBefore: prepare(
      `SELECT ${ENTRY} FROM version INDEXED BY version_history
       WHERE key = ? AND revision < ? ORDER BY revision DESC LIMIT 1`,
    ),
    supersede: prepare('UPDATE version SET superseded = ? WHERE id = ?'),
    insert: prepare(
      `INSERT INTO version (revision, key, create_revision, value, lease, superseded)
       VALUES (?, ?, ?, ?, ?, ?)`,
    ),
    // Only keys that changed in between can have versions that ended in between: the cost follows what changed.
    compact: prepare(
      `DELETE FROM version INDEXED BY version_history
       WHERE superseded <= :to AND revision <= :to AND key IN (
         SELECT key FROM version WHERE revision > :from AND revision <= :to)`,
    ),
  }
}
