// The thread that has the journal's file. Started by sqlite-journal.ts; a bundle needs it as an entry of its own.
import { parentPort, workerData } from 'node:worker_threads'
import { fileOf, openSqliteFile } from '../store/sqlite-file.ts'
import { serveSqlite, type SqliteService } from '../store/sqlite-service.ts'
import { JOURNAL_MIGRATIONS, SqliteRecords } from './sqlite-records.ts'
import type { JournalResult, JournalWrite, StoredQuery, StoredRecords } from './stored-record.ts'

export type JournalReads = {
  readonly query: { readonly ask: StoredQuery; readonly answer: StoredRecords }
}

export interface JournalSummary {
  readonly lastId: number
}

/** "PlJn" */
const APPLICATION_ID = 0x506c4a6e

function openJournal(
  file: string,
): SqliteService<JournalReads, JournalWrite, JournalResult, JournalSummary> {
  const what = 'journal'
  const migrations = JOURNAL_MIGRATIONS
  const database = openSqliteFile({ file, what, applicationId: APPLICATION_ID, migrations })
  const records = new SqliteRecords(database)
  return {
    database,
    what,
    opened: { lastId: records.lastId() },
    reads: { query: (query) => records.query(query) },
    apply: (write) => records.apply(write),
    beforeCommit: () => undefined,
    afterRollback: () => undefined,
  }
}

if (parentPort !== null) serveSqlite(parentPort, () => openJournal(fileOf(workerData)))
