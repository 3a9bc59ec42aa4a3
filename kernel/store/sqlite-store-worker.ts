// The thread that has the store's file. Started by sqlite-store.ts; a bundle needs it as an entry of its own.
import { parentPort, workerData } from 'node:worker_threads'
import { fileOf, openSqliteFile } from './sqlite-file.ts'
import { serveSqlite, type SqliteService } from './sqlite-service.ts'
import { SqliteState, STORE_MIGRATIONS } from './sqlite-state.ts'
import type {
  ChangesQuery,
  Compacted,
  PageQuery,
  StateResult,
  StateSummary,
  StateWrite,
  StoredChanges,
  StoredEntry,
  StoredPage,
} from './versioned-state.ts'

export type StoreReads = {
  readonly find: { readonly ask: string; readonly answer: StoredEntry | undefined }
  readonly page: { readonly ask: PageQuery; readonly answer: StoredPage | Compacted }
  readonly changes: { readonly ask: ChangesQuery; readonly answer: StoredChanges | Compacted }
}

/** "PlSt" */
const APPLICATION_ID = 0x506c5374

function openStore(file: string): SqliteService<StoreReads, StateWrite, StateResult, StateSummary> {
  const what = 'store'
  const migrations = STORE_MIGRATIONS
  const database = openSqliteFile({ file, what, applicationId: APPLICATION_ID, migrations })
  const state = new SqliteState(database)
  return {
    database,
    what,
    opened: state.summary(),
    reads: {
      find: (key) => state.find(key),
      page: (query) => state.page(query),
      changes: (query) => state.changes(query),
    },
    apply: (write) => state.apply(write),
    beforeCommit: () => state.save(),
    afterRollback: () => state.reload(),
  }
}

if (parentPort !== null) serveSqlite(parentPort, () => openStore(fileOf(workerData)))
