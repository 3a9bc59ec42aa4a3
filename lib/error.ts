/** The gRPC code set, so an error crosses RPC, GraphQL and the CLI without translation tables. */
export const ERROR_CODES = [
  'InvalidArgument',
  'NotFound',
  'AlreadyExists',
  'FailedPrecondition',
  'Aborted',
  'PermissionDenied',
  'Unauthenticated',
  'ResourceExhausted',
  'Unimplemented',
  'Unavailable',
  'DeadlineExceeded',
  'Canceled',
  'Internal',
] as const
export type ErrorCode = (typeof ERROR_CODES)[number]

const RETRYABLE: ReadonlySet<ErrorCode> = new Set([
  'Unavailable',
  'DeadlineExceeded',
  'ResourceExhausted',
  'Aborted',
])

/** One thing that is wrong, as every surface of Polis shows it. */
export interface Problem {
  readonly code: ErrorCode
  /** Where: a key path of the input (`services.web.ports[0]`), a file position, or the empty string. */
  readonly path: string
  readonly message: string
  /** What to do about it. */
  readonly hint?: string
  /** Where `path` stands in a text that somebody wrote: its file, and line and column from 1. */
  readonly file?: string
  readonly line?: number
  readonly column?: number
}

export interface PolisErrorOptions extends ErrorOptions {
  readonly path?: string
  readonly hint?: string
  /** All findings, when there is more than one; the error itself speaks of the first. */
  readonly problems?: readonly Problem[]
}

/** The only error type that leaves a module. `cause` keeps the original; `message` never repeats it. */
export class PolisError extends Error {
  override readonly name = 'PolisError'
  readonly code: ErrorCode
  readonly path: string
  readonly hint: string | undefined
  readonly #problems: readonly Problem[] | undefined

  constructor(code: ErrorCode, message: string, options: PolisErrorOptions = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : {})
    this.code = code
    this.path = options.path ?? ''
    this.hint = options.hint
    this.#problems = options.problems
  }

  /** True when the same call may succeed later with nobody changing the spec. */
  get isRetryable(): boolean {
    return RETRYABLE.has(this.code)
  }

  /** Every finding, at least one: itself, when nothing else was listed. */
  get problems(): readonly Problem[] {
    if (this.#problems !== undefined) return this.#problems
    const { code, path, message, hint } = this
    return [hint === undefined ? { code, path, message } : { code, path, message, hint }]
  }
}

/** An error that lists all of `problems`; they must not be empty. */
export function refusal(problems: readonly Problem[]): PolisError {
  const [first] = problems
  if (first === undefined) throw new Error('a refusal needs at least one problem')
  const { code, path, message, hint } = first
  return new PolisError(code, message, { path, problems, ...(hint === undefined ? {} : { hint }) })
}

/** Any thrown value as a PolisError; an abort becomes Canceled or DeadlineExceeded, the unknown Internal. */
export function toPolisError(thrown: unknown, doing: string): PolisError {
  if (thrown instanceof PolisError) return thrown
  const name = thrown instanceof Error ? thrown.name : ''
  if (name === 'TimeoutError') {
    return new PolisError('DeadlineExceeded', `${doing} took too long`, { cause: thrown })
  }
  if (name === 'AbortError') {
    return new PolisError('Canceled', `${doing} was cancelled`, { cause: thrown })
  }
  return new PolisError('Internal', `could not ${doing}`, { cause: thrown })
}

/** The messages of an error and all its causes, outermost first, for a log line. */
export function causeChain(thrown: unknown): readonly string[] {
  const chain: string[] = []
  for (let error = thrown; error !== undefined && chain.length < 10;) {
    chain.push(error instanceof Error ? error.message : 'a value that is not an error was thrown')
    error = error instanceof Error ? error.cause : undefined
  }
  return chain
}
