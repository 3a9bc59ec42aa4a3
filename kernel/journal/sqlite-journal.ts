import type { Clock } from '@polis/lib/clock'
import { SqliteThread, workerBeside } from '../store/sqlite-thread.ts'
import { NumberedJournal } from './numbered-journal.ts'
import type { Journal } from './journal.ts'
import type { JournalReads, JournalSummary } from './sqlite-journal-worker.ts'
import { sizeOfWrite, type JournalResult, type JournalWrite } from './stored-record.ts'

export interface SqliteJournalDeps {
  /** Made when absent, mode 0600; its folder must exist. SQLite keeps a second file beside it (`-wal`). */
  readonly file: string
  readonly clock: Clock
  /** Where `sqlite-journal-worker` is, when not beside this module. */
  readonly worker?: URL
}

/**
 * The journal of one server: a SQLite file that one process has open, in a thread of its own. What was acknowledged
 * survives the process and the power. Throws as `openSqliteStore` does.
 */
export async function openSqliteJournal(deps: SqliteJournalDeps): Promise<Journal> {
  const { file, clock } = deps
  let journal: NumberedJournal | undefined
  const thread = new SqliteThread<JournalReads, JournalWrite, JournalResult, JournalSummary>({
    worker: deps.worker ?? workerBeside('sqlite-journal-worker', import.meta.url),
    file,
    what: 'journal',
    sizeOf: sizeOfWrite,
    onCommitted: (results) => journal?.committed(results),
    onBroken: (error) => journal?.broken(error),
  })
  const { lastId } = await thread.opened()
  journal = new NumberedJournal({
    clock,
    lastId,
    backend: {
      query: (query) => thread.read('query', query),
      write: (write) => thread.write(write),
      close: () => thread.close(),
    },
  })
  return journal
}
