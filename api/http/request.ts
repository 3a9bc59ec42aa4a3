import type { PolisError } from '@polis/lib/error'
import type { Logger } from '@polis/lib/logger'
import type { Context } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { toShownError } from '../graphql/errors.ts'
import type { Environment } from './environment.ts'

/** Address of whoever holds the other end of the connection; no header is believed. */
export function callerAddress(c: Context<Environment>): string {
  return c.env.incoming.socket.remoteAddress ?? 'unknown'
}

export function isEncrypted(c: Context<Environment>): boolean {
  return 'encrypted' in c.env.incoming.socket
}

/** Where the request came in, as the caller wrote it. */
export function originOf(c: Context<Environment>): string {
  return new URL(c.req.url).origin
}

const STATUSES: Readonly<Record<PolisError['code'], ContentfulStatusCode>> = {
  InvalidArgument: 400,
  NotFound: 404,
  AlreadyExists: 409,
  FailedPrecondition: 409,
  Aborted: 409,
  PermissionDenied: 403,
  Unauthenticated: 401,
  ResourceExhausted: 429,
  Unimplemented: 501,
  Unavailable: 503,
  DeadlineExceeded: 504,
  Canceled: 499 as ContentfulStatusCode,
  Internal: 500,
}

/** An error outside GraphQL, in the form that GraphQL's have. */
export function errorAnswer(
  c: Context<Environment>,
  thrown: unknown,
  logger: Logger,
  status?: ContentfulStatusCode,
): Response {
  const error = toShownError(thrown, logger)
  return c.json({ errors: [error] }, status ?? STATUSES[error.extensions.code])
}
