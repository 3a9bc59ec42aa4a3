import { type ErrorCode, PolisError } from '@polis/lib/error'
import postgres from 'postgres'

const BY_CLASS: Readonly<Record<string, ErrorCode>> = {
  '08': 'Unavailable',
  '53': 'ResourceExhausted',
  '57': 'Unavailable',
  '58': 'Unavailable',
}

// https://www.postgresql.org/docs/current/errcodes-appendix.html
const BY_STATE: Readonly<Record<string, ErrorCode>> = {
  '28P01': 'FailedPrecondition',
  '28000': 'FailedPrecondition',
  '40001': 'Aborted',
  '40P01': 'Aborted',
  '42704': 'NotFound',
  '42710': 'AlreadyExists',
  '42P04': 'AlreadyExists',
  '53300': 'Unavailable',
  '55006': 'Aborted',
  '57014': 'Canceled',
}

/** Postgres.js' own words for a connection that could not be made, or broke. */
const BROKEN = /^CONNECT(?:ION_|_TIMEOUT$)|^E[A-Z]+$/

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}

export function isSqlState(error: unknown, state: string): boolean {
  return error instanceof postgres.PostgresError && error.code === state
}

/** Turns what PostgreSQL or its client says into ours, once. What is ours, or an abort, passes unchanged. */
export function fromPostgresError(cause: unknown, doing: string): unknown {
  if (cause instanceof PolisError) return cause
  if (cause instanceof postgres.PostgresError) {
    const code = BY_STATE[cause.code] ?? BY_CLASS[cause.code.slice(0, 2)] ?? 'Internal'
    // The server's own sentence, not the statement: that may hold secrets.
    return new PolisError(code, `could not ${doing}: ${cause.message}`, { cause })
  }
  if (BROKEN.test(codeOf(cause))) {
    return new PolisError('Unavailable', `could not ${doing}: the server does not answer`, {
      cause,
    })
  }
  return cause
}
