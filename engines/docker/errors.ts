// The one translation of what Docker and the socket say into Polis' codes.
import { PolisError, toPolisError, type ErrorCode } from '@polis/lib/error'

/** Words that say more than the status does; the first match counts. Docker sends most of them with 500. */
const BY_WORDS: readonly (readonly [RegExp, ErrorCode])[] = [
  [/no space left on device|disk quota exceeded|cannot allocate memory/i, 'ResourceExhausted'],
  [/update out of sequence|is already in progress/i, 'Aborted'],
  [/port is already allocated|address already in use/i, 'FailedPrecondition'],
  [/is not a swarm manager|not part of a swarm/i, 'FailedPrecondition'],
  [/already (?:exists|part of a swarm)|name \S+ is already in use/i, 'AlreadyExists'],
  [/does not have a leader|only possible leader/i, 'Unavailable'],
  [/connection refused|no such host|i\/o timeout|TLS handshake|server misbehaving/i, 'Unavailable'],
  [/context deadline exceeded|Client\.Timeout/i, 'DeadlineExceeded'],
]

/** What a stream of progress says when it fails, where no status comes along. */
const BY_STREAM_WORDS: readonly (readonly [RegExp, ErrorCode])[] = [
  [/manifest unknown|not found|no such (?:image|file)|does not exist/i, 'NotFound'],
  [/unauthorized|authentication required|access to the resource is denied/i, 'PermissionDenied'],
  [/returned a non-zero code|dockerfile parse error|failed to parse/i, 'InvalidArgument'],
]

const BY_STATUS: Readonly<Record<number, ErrorCode>> = {
  400: 'InvalidArgument',
  401: 'Unauthenticated',
  // Docker's 403 is not about who asks: a network with active endpoints, a predefined network.
  403: 'FailedPrecondition',
  404: 'NotFound',
  406: 'FailedPrecondition',
  409: 'FailedPrecondition',
  501: 'Unimplemented',
  503: 'Unavailable',
}

const BY_ERRNO: Readonly<Record<string, ErrorCode>> = {
  EACCES: 'PermissionDenied',
  ECONNREFUSED: 'Unavailable',
  ECONNRESET: 'Unavailable',
  EDQUOT: 'ResourceExhausted',
  ENOENT: 'Unavailable',
  ENOSPC: 'ResourceExhausted',
  EPERM: 'PermissionDenied',
  EPIPE: 'Unavailable',
}

type Words = readonly (readonly [RegExp, ErrorCode])[]

const findCode = (words: Words, message: string): ErrorCode | undefined =>
  words.find(([pattern]) => pattern.test(message))?.[1]

/** An answer with an error status; `asked` is the request's method and path. */
export function fromStatus(status: number, message: string, asked: string): PolisError {
  // A bad request stays one, whatever user's text its message quotes.
  const byWords = status === 400 || status === 404 ? undefined : findCode(BY_WORDS, message)
  const code = byWords ?? BY_STATUS[status] ?? (status < 500 ? 'InvalidArgument' : 'Internal')
  return new PolisError(code, `Docker: ${message}`, { cause: new Error(`${asked}: ${status}`) })
}

/** An error told in the middle of a stream (pull, push, build, load) that began with 200. */
export function fromStreamMessage(message: string, asked: string): PolisError {
  const code = findCode(BY_WORDS, message) ?? findCode(BY_STREAM_WORDS, message) ?? 'Internal'
  return new PolisError(code, `Docker: ${message}`, { cause: new Error(asked) })
}

/** A failure of the connection itself. An abort stays what its signal says. */
export function fromSocketError(thrown: unknown, asked: string): unknown {
  if (!(thrown instanceof Error) || !('code' in thrown)) return toPolisError(thrown, asked)
  if (thrown.name === 'AbortError') return 'cause' in thrown ? thrown.cause : thrown
  const code = BY_ERRNO[String(thrown.code)] ?? 'Internal'
  const message =
    code === 'Unavailable' ? 'Docker does not answer' : `could not ask Docker: ${asked}`
  return new PolisError(code, message, { cause: thrown })
}
