// The end of a SQLite thread that has the file.
import type { DatabaseSync } from 'node:sqlite'
import type { MessagePort } from 'node:worker_threads'
import { PolisError } from '@polis/lib/error'
import { isDiskFailure, toWriteError } from './sqlite-file.ts'
import {
  toSentError,
  type Outcome,
  type Reads,
  type Reply,
  type Request,
} from './sqlite-thread-messages.ts'

export interface SqliteService<Questions extends Reads, Write, Result, Opened> {
  readonly database: DatabaseSync
  /** What the file holds, for error messages. */
  readonly what: string
  /** Told to the other end once, when all is ready. */
  readonly opened: Opened
  readonly reads: {
    readonly [Name in keyof Questions]: (ask: Questions[Name]['ask']) => Questions[Name]['answer']
  }
  /** Decides before it writes: a PolisError thrown here leaves nothing behind. */
  apply(write: Write): Result
  /** Writes what was only remembered, just before the commit. */
  beforeCommit(): void
  /** Forgets what was not kept. */
  afterRollback(): void
}

/** Serves what `open` opens until told to close; a file that cannot be opened is reported and that is all. */
export function serveSqlite<Questions extends Reads, Write, Result, Opened>(
  port: MessagePort,
  open: () => SqliteService<Questions, Write, Result, Opened>,
): void {
  type Answer = Questions[keyof Questions]['answer']
  const reply = (message: Reply<Opened, Answer, Result>): void => port.postMessage(message)
  let service: SqliteService<Questions, Write, Result, Opened>
  try {
    service = open()
  } catch (error) {
    const reason = error instanceof PolisError ? error : toWriteError(error, 'file')
    reply({ kind: 'refused', error: toSentError(reason) })
    return
  }
  port.on('message', (request: Request<Write>) => {
    switch (request.kind) {
      case 'read': {
        const { id, name, ask } = request
        try {
          const read = service.reads[name]
          if (read === undefined) throw new Error(`nobody answers ${name}`)
          reply({ kind: 'answer', id, answer: read(ask) })
        } catch (error) {
          reply({ kind: 'failed', id, error: toSentError(toWriteError(error, service.what)) })
        }
        break
      }
      case 'group':
        reply({ kind: 'group', outcomes: commitGroup(service, request.writes) })
        break
      case 'close':
        service.database.close()
        port.close()
        break
    }
  })
  reply({ kind: 'opened', opened: service.opened })
}

/**
 * All writes in one SQLite transaction, so that they share one sync of the disk. A refused write is out, the others
 * stay. When the whole fails, each is tried alone: one that does not fit must not take the others with it.
 */
function commitGroup<Questions extends Reads, Write, Result, Opened>(
  service: SqliteService<Questions, Write, Result, Opened>,
  writes: readonly Write[],
): readonly Outcome<Result>[] {
  try {
    service.database.exec('BEGIN IMMEDIATE')
    const outcomes = writes.map((write) => applyOne(service, write))
    service.beforeCommit()
    service.database.exec('COMMIT')
    return outcomes
  } catch (error) {
    if (service.database.isTransaction) service.database.exec('ROLLBACK')
    service.afterRollback()
    if (writes.length > 1 && !isDiskFailure(error)) {
      return writes.flatMap((write) => commitGroup(service, [write]))
    }
    const sent = toSentError(toWriteError(error, service.what))
    return writes.map(() => ({ error: sent }))
  }
}

function applyOne<Questions extends Reads, Write, Result, Opened>(
  service: SqliteService<Questions, Write, Result, Opened>,
  write: Write,
): Outcome<Result> {
  try {
    return { result: service.apply(write) }
  } catch (error) {
    if (error instanceof PolisError) return { error: toSentError(error) }
    throw error
  }
}
