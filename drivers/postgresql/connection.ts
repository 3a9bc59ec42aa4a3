import postgres from 'postgres'
import { fromPostgresError } from './errors.ts'

export interface Login {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly password: string
  readonly database: string
}

/** One connection: statements run in order. Names and values are quoted by `name` and `text`. */
export type Connection = postgres.Sql

const CONNECT_SECONDS = 5

/** Does `work` on a connection of its own and ends it, also when the signal aborts. Throws PolisError. */
export async function withConnection<T>(
  login: Login,
  doing: string,
  signal: AbortSignal,
  work: (sql: Connection) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted()
  const sql = postgres({
    ...login,
    max: 1,
    connect_timeout: CONNECT_SECONDS,
    // Asking for the server's types costs a round trip and tells nothing here.
    fetch_types: false,
    prepare: false,
    onnotice: () => undefined,
    connection: { application_name: 'polis' },
  })
  const onAbort = (): void => void sql.end({ timeout: 0 })
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await work(sql)
  } catch (error) {
    signal.throwIfAborted()
    throw fromPostgresError(error, doing)
  } finally {
    signal.removeEventListener('abort', onAbort)
    await sql.end({ timeout: 1 })
  }
}

/** A name as it stands in a statement. */
export function name(identifier: string): string {
  return `"${identifier.replaceAll('"', '""')}"`
}

/** A text as it stands in a statement, for where no parameter may stand. Sound with standard_conforming_strings, the default. */
export function text(literal: string): string {
  return `'${literal.replaceAll("'", "''")}'`
}
