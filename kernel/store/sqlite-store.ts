import type { Clock } from '@polis/lib/clock'
import type { Logger } from '@polis/lib/logger'
import { SqliteThread, workerBeside } from './sqlite-thread.ts'
import { VersionedStore } from './versioned-store.ts'
import type { StoreReads } from './sqlite-store-worker.ts'
import type { Store } from './store.ts'
import {
  sizeOfWrite,
  type StateResult,
  type StateSummary,
  type StateWrite,
} from './versioned-state.ts'

export interface SqliteStoreDeps {
  /** Made when absent, mode 0600; its folder must exist. SQLite keeps a second file beside it (`-wal`). */
  readonly file: string
  readonly clock: Clock
  readonly logger: Logger
  /** Where `sqlite-store-worker` is, when not beside this module. */
  readonly worker?: URL
}

/**
 * The store of one server: a SQLite file that one process has open, in a thread of its own. What was acknowledged
 * survives the process and the power; what was not is kept whole or not at all.
 *
 * Throws FailedPrecondition for a file that is not Polis' store, is damaged, or was written by a newer version;
 * Unavailable when another process has it open or the folder cannot be written; ResourceExhausted on a full disk.
 */
export async function openSqliteStore(deps: SqliteStoreDeps): Promise<Store> {
  const { file, clock, logger } = deps
  let store: VersionedStore | undefined
  const thread = new SqliteThread<StoreReads, StateWrite, StateResult, StateSummary>({
    worker: deps.worker ?? workerBeside('sqlite-store-worker', import.meta.url),
    file,
    what: 'store',
    sizeOf: sizeOfWrite,
    onCommitted: (results) => store?.committed(results),
    onBroken: (error) => store?.broken(error),
  })
  const summary = await thread.opened()
  store = new VersionedStore({
    clock,
    logger,
    summary,
    backend: {
      find: (key) => thread.read('find', key),
      page: (query) => thread.read('page', query),
      changes: (query) => thread.read('changes', query),
      write: (write) => thread.write(write),
      close: () => thread.close(),
    },
  })
  return store
}
