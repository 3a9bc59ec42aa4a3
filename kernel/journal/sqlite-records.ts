import type { DatabaseSync, SQLInputValue, SQLOutputValue, StatementSync } from 'node:sqlite'
import { numberAt, textAt, type Row } from '../store/sqlite-file.ts'
import { LEVELS, type JournalFilter, type Level } from './journal.ts'
import {
  QUERY_BYTES,
  sizeOfRecord,
  type JournalResult,
  type JournalWrite,
  type NewStoredRecord,
  type StoredQuery,
  type StoredRecord,
  type StoredRecords,
} from './stored-record.ts'

export const JOURNAL_MIGRATIONS: readonly string[] = [
  // AUTOINCREMENT: an id is not given again when the newest records are pruned.
  `CREATE TABLE record (
     id INTEGER PRIMARY KEY AUTOINCREMENT,
     at_ms INTEGER NOT NULL,
     type TEXT NOT NULL,
     level TEXT NOT NULL,
     message TEXT NOT NULL,
     request_id TEXT,
     operation_id TEXT,
     project TEXT,
     object_uid TEXT,
     object_kind TEXT,
     actor TEXT,
     fields TEXT NOT NULL
   ) STRICT;
   CREATE INDEX record_at ON record (at_ms);
   CREATE INDEX record_type ON record (type);
   CREATE INDEX record_request ON record (request_id) WHERE request_id IS NOT NULL;
   CREATE INDEX record_operation ON record (operation_id) WHERE operation_id IS NOT NULL;
   CREATE INDEX record_project ON record (project) WHERE project IS NOT NULL;
   CREATE INDEX record_object ON record (object_uid) WHERE object_uid IS NOT NULL;`,
]

/** The records in a SQLite file. Its owner begins, commits and rolls back the transactions around `apply`. */
export class SqliteRecords {
  readonly #database: DatabaseSync
  /** By their text, of which there are few: one per combination of things asked. */
  readonly #queries = new Map<string, StatementSync>()
  readonly #insert: StatementSync
  readonly #pruneOld: StatementSync
  readonly #pruneSurplus: StatementSync
  readonly #lastId: StatementSync

  constructor(database: DatabaseSync) {
    this.#database = database
    this.#insert = database.prepare(
      `INSERT INTO record (at_ms, type, level, message, request_id, operation_id, project,
         object_uid, object_kind, actor, fields) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id`,
    )
    this.#pruneOld = database.prepare(
      `DELETE FROM record WHERE id IN (
         SELECT id FROM record INDEXED BY record_at WHERE at_ms < ? ORDER BY at_ms LIMIT ?)`,
    )
    this.#pruneSurplus = database.prepare(
      `DELETE FROM record WHERE id IN (
         SELECT id FROM record
         WHERE id <= (SELECT id FROM record ORDER BY id DESC LIMIT 1 OFFSET ?) ORDER BY id LIMIT ?)`,
    )
    this.#lastId = database.prepare("SELECT seq FROM sqlite_sequence WHERE name = 'record'")
  }

  /** The id of the last record there ever was; 0 before the first. */
  lastId(): number {
    const row = this.#lastId.get()
    return row === undefined ? 0 : numberAt(row, 'seq')
  }

  query(query: StoredQuery): StoredRecords {
    const { after = 0, limit } = query
    const { sql, values } = toSql(query)
    const records: StoredRecord[] = []
    let sizeBytes = 0
    for (const row of this.#prepared(sql).iterate(...values, limit + 1)) {
      if (records.length === limit || sizeBytes > QUERY_BYTES) {
        return { records, upTo: records.at(-1)?.id ?? after }
      }
      const record = toStoredRecord(row)
      records.push(record)
      sizeBytes += sizeOfRecord(record)
    }
    return { records, upTo: this.lastId() }
  }

  apply(write: JournalWrite): JournalResult {
    if (write.kind === 'append') {
      return { appended: write.records.map((record) => this.#append(record)), removed: 0 }
    }
    const { beforeMs, maxRecords, limit } = write
    let removed = 0
    if (beforeMs !== undefined) removed = Number(this.#pruneOld.run(beforeMs, limit).changes)
    if (maxRecords !== undefined && removed < limit) {
      removed += Number(this.#pruneSurplus.run(maxRecords, limit - removed).changes)
    }
    return { appended: [], removed }
  }

  #append(record: NewStoredRecord): StoredRecord {
    const row = this.#insert.get(
      record.atMs,
      record.type,
      record.level,
      record.message,
      record.requestId ?? null,
      record.operationId ?? null,
      record.project ?? null,
      record.objectUid ?? null,
      record.objectKind ?? null,
      record.actor ?? null,
      record.fieldsText,
    )
    return { ...record, id: numberAt(row ?? {}, 'id') }
  }

  #prepared(sql: string): StatementSync {
    const known = this.#queries.get(sql)
    if (known !== undefined) return known
    const statement = this.#database.prepare(sql)
    this.#queries.set(sql, statement)
    return statement
  }
}

function toSql(query: StoredQuery): { sql: string; values: readonly SQLInputValue[] } {
  const { filter, isNewestFirst } = query
  const conditions: string[] = []
  const values: SQLInputValue[] = []
  const add = (condition: string, value: SQLInputValue | undefined): void => {
    if (value === undefined) return
    conditions.push(condition)
    values.push(value)
  }
  add('id > ?', query.after)
  add('id < ?', query.before)
  add('at_ms >= ?', query.sinceMs)
  add('at_ms < ?', query.untilMs)
  add('request_id = ?', filter.requestId)
  add('operation_id = ?', filter.operationId)
  add('object_uid = ?', filter.objectUid)
  const { project, type } = filter
  if (typeof project === 'string') add('project = ?', project)
  // As JSON, so that the statement's text is the same for any number of projects.
  else if (project !== undefined) {
    add('project IN (SELECT value FROM json_each(?))', JSON.stringify(project))
  }
  if (type?.endsWith('.') === true) {
    add('type > ?', type)
    add('type < ?', `${type.slice(0, -1)}/`) // the slash is the character after the dot
  } else add('type = ?', type)
  const where = conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`
  const order = isNewestFirst ? 'DESC' : 'ASC'
  const sql = `SELECT * FROM record ${indexFor(filter)} ${where} ORDER BY id ${order} LIMIT ?`
  return { sql, values }
}

/**
 * The index that leaves least to look at. Without statistics SQLite would take any. Each is ordered by id within one
 * value, so a page costs what it holds; several projects or a family of types are picked out of the plain order.
 */
function indexFor(filter: JournalFilter): string {
  if (filter.operationId !== undefined) return 'INDEXED BY record_operation'
  if (filter.requestId !== undefined) return 'INDEXED BY record_request'
  if (filter.objectUid !== undefined) return 'INDEXED BY record_object'
  if (filter.type !== undefined && !filter.type.endsWith('.')) return 'INDEXED BY record_type'
  if (typeof filter.project === 'string') return 'INDEXED BY record_project'
  return 'NOT INDEXED'
}

function toStoredRecord(row: Row): StoredRecord {
  const optional = <Name extends string>(name: Name, value: SQLOutputValue | undefined) =>
    typeof value === 'string' ? { [name]: value } : {}
  return {
    id: numberAt(row, 'id'),
    atMs: numberAt(row, 'at_ms'),
    type: textAt(row, 'type'),
    level: levelOf(textAt(row, 'level')),
    message: textAt(row, 'message'),
    fieldsText: textAt(row, 'fields'),
    ...optional('requestId', row['request_id']),
    ...optional('operationId', row['operation_id']),
    ...optional('project', row['project']),
    ...optional('objectUid', row['object_uid']),
    ...optional('objectKind', row['object_kind']),
    ...optional('actor', row['actor']),
  }
}

function levelOf(text: string): Level {
  const level = LEVELS.find((each) => each === text)
  if (level === undefined) throw new Error(`${text} is not a level`)
  return level
}
