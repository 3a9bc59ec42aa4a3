import { type ErrorCode, PolisError } from '@polis/lib/error'

const CODES: Readonly<Record<string, ErrorCode>> = {
  ENOENT: 'NotFound',
  EACCES: 'PermissionDenied',
  EPERM: 'PermissionDenied',
  EROFS: 'FailedPrecondition',
  ENOSPC: 'ResourceExhausted',
  EDQUOT: 'ResourceExhausted',
  EMFILE: 'ResourceExhausted',
  EBUSY: 'FailedPrecondition',
  EIO: 'Unavailable',
  ESTALE: 'Unavailable',
}

/** The `code` of a Node.js file error; the empty string for anything else. */
export function errnoOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}

/** Turns a Node.js file error into ours, once; what is ours, or an abort, passes unchanged. */
export function fromFsError(cause: unknown, doing: string): unknown {
  const errno = errnoOf(cause)
  if (cause instanceof PolisError || !/^E[A-Z0-9]+$/.test(errno)) return cause
  const why = errno === 'ENOSPC' ? ': no space is left' : ''
  return new PolisError(CODES[errno] ?? 'Internal', `could not ${doing}${why}`, { cause })
}
