// One SQLite file that belongs to one process: opened, checked, and its errors put into our words.
import { chmodSync, closeSync, fsyncSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync, type SQLOutputValue } from 'node:sqlite'
import { PolisError } from '@polis/lib/error'

export interface SqliteFileOptions {
  readonly file: string
  /** Stands in the file's header and tells our files from others' (https://sqlite.org/pragma.html#pragma_application_id). */
  readonly applicationId: number
  /** What the file holds, for error messages: "store". */
  readonly what: string
  /** SQL that leads from version n to n + 1; a new file is version 0. Entries are never changed, only added. */
  readonly migrations: readonly string[]
}

export type Row = Record<string, SQLOutputValue>

/**
 * Opens or makes the file (mode 0600), brings it to the newest version, and keeps others out while it is open.
 * FailedPrecondition: no file of ours, damaged, or of a newer version; Unavailable: another process has it open, or
 * the folder cannot be written; ResourceExhausted: the disk is full. Nothing is changed then.
 */
export function openSqliteFile(options: SqliteFileOptions): DatabaseSync {
  const { file, what } = options
  let database: DatabaseSync | undefined
  try {
    makeFile(file)
    database = new DatabaseSync(file, { timeout: 1000 })
    checkOurs(database, options)
    // One process, one connection: no shared-memory file, and a second server is refused instead of confused.
    database.exec('PRAGMA locking_mode = EXCLUSIVE')
    database.exec('PRAGMA journal_mode = WAL')
    // A commit is on the disk before it is acknowledged; NORMAL would lose the last ones with the power.
    database.exec('PRAGMA synchronous = FULL')
    database.exec('PRAGMA cache_size = -8000')
    database.exec('PRAGMA temp_store = MEMORY')
    database.exec('PRAGMA journal_size_limit = 16777216')
    checkSound(database, options)
    migrate(database, options)
    return database
  } catch (error) {
    database?.close()
    throw toOpenError(error, what, file)
  }
}

function makeFile(file: string): void {
  closeSync(openSync(file, 'a', 0o600))
  chmodSync(file, 0o600)
  // Without this the file's name may be lost with the power, though its content was synced.
  const folder = openSync(dirname(file), 'r')
  fsyncSync(folder)
  closeSync(folder)
}

function pragma(database: DatabaseSync, name: string): unknown {
  return Object.values(database.prepare(`PRAGMA ${name}`).get() ?? {})[0]
}

function checkOurs(database: DatabaseSync, options: SqliteFileOptions): void {
  const { applicationId, what, file, migrations } = options
  const isEmpty = pragma(database, 'page_count') === 0
  if (!isEmpty && pragma(database, 'application_id') !== applicationId) {
    throw refused(`${file} is not a ${what} of Polis`, 'name another file, or move this one away')
  }
  const version = pragma(database, 'user_version')
  if (typeof version !== 'number' || version > migrations.length) {
    throw refused(
      `${file} was written by a newer Polis: version ${String(version)}, known up to ${migrations.length}`,
      'start the newer Polis, or restore a backup made by this one',
    )
  }
}

function checkSound(database: DatabaseSync, { what, file }: SqliteFileOptions): void {
  const found = pragma(database, 'quick_check(1)')
  if (found !== 'ok') throw damaged(what, file, new Error(String(found)))
}

function migrate(database: DatabaseSync, options: SqliteFileOptions): void {
  const { applicationId, migrations } = options
  const version = Number(pragma(database, 'user_version'))
  if (version === migrations.length) return
  database.exec('BEGIN IMMEDIATE')
  for (const step of migrations.slice(version)) database.exec(step)
  database.exec(`PRAGMA application_id = ${applicationId}`)
  database.exec(`PRAGMA user_version = ${migrations.length}`)
  database.exec('COMMIT')
}

function refused(message: string, hint: string): PolisError {
  return new PolisError('FailedPrecondition', message, { hint })
}

function damaged(what: string, file: string, cause: unknown): PolisError {
  return new PolisError('FailedPrecondition', `the ${what} in ${file} is damaged`, {
    cause,
    hint: 'restore it from a backup; the damaged file is left as it is',
  })
}

/** SQLite's result code without its extension, 0 for other errors (https://sqlite.org/rescode.html). */
function resultCode(error: unknown): number {
  const code = error instanceof Error && 'errcode' in error ? error.errcode : 0
  return typeof code === 'number' ? code & 0xff : 0
}

const BUSY = 5
const IOERR = 10
const CORRUPT = 11
const FULL = 13
const NOTADB = 26

function toOpenError(error: unknown, what: string, file: string): PolisError {
  if (error instanceof PolisError) return error
  if (error instanceof Error && 'code' in error && error.code === 'ENOSPC') {
    return fullError(what, error)
  }
  switch (resultCode(error)) {
    case BUSY:
      return new PolisError('Unavailable', `another process has the ${what} in ${file} open`, {
        cause: error,
        hint: 'one server runs on one data folder; end the other first',
      })
    case CORRUPT:
    case NOTADB:
      return damaged(what, file, error)
    case FULL:
      return fullError(what, error)
    default:
      return new PolisError('Unavailable', `cannot open the ${what} in ${file}`, { cause: error })
  }
}

/** An error of a statement or a commit, in our words. A PolisError stays what it is. */
export function toWriteError(error: unknown, what: string): PolisError {
  if (error instanceof PolisError) return error
  switch (resultCode(error)) {
    case FULL:
      return fullError(what, error)
    case IOERR:
      return new PolisError('Unavailable', `the disk of the ${what} fails`, {
        cause: error,
        hint: 'whether the change was kept is known only after a restart',
      })
    case CORRUPT:
    case NOTADB:
      return new PolisError('Internal', `the ${what} is damaged`, {
        cause: error,
        hint: 'stop the server and restore a backup',
      })
    default:
      return new PolisError('Internal', `the ${what} could not do this`, { cause: error })
  }
}

function fullError(what: string, cause: unknown): PolisError {
  return new PolisError('ResourceExhausted', `the disk of the ${what} is full; nothing changed`, {
    cause,
    hint: 'make room on the disk; it goes on by itself then',
  })
}

/** After this nobody knows what the disk holds, so trying again would only hide it. */
export function isDiskFailure(error: unknown): boolean {
  return [IOERR, CORRUPT, NOTADB].includes(resultCode(error))
}

/** The text in a column; throws when it holds something else. */
export function textAt(row: Row, column: string): string {
  const value = row[column]
  if (typeof value !== 'string') throw new Error(`no text in column ${column}`)
  return value
}

/** The number in a column; throws when it holds something else. */
export function numberAt(row: Row, column: string): number {
  const value = row[column]
  if (typeof value !== 'number') throw new Error(`no number in column ${column}`)
  return value
}

/** The file a thread was started for. */
export function fileOf(workerData: unknown): string {
  const isNamed = typeof workerData === 'object' && workerData !== null && 'file' in workerData
  if (isNamed && typeof workerData.file === 'string') return workerData.file
  throw new Error('no file was named to the thread')
}
