// What the two ends of a SQLite thread say to each other.
import { PolisError, type ErrorCode, type Problem } from '@polis/lib/error'
import { causeChain } from '@polis/lib/error'

/** The questions a service answers, by name. */
export type Reads = Record<string, { readonly ask: unknown; readonly answer: unknown }>

export type Request<Write> =
  | { readonly kind: 'read'; readonly id: number; readonly name: string; readonly ask: unknown }
  | { readonly kind: 'group'; readonly writes: readonly Write[] }
  | { readonly kind: 'close' }

export type Reply<Opened, Answer, Result> =
  | { readonly kind: 'opened'; readonly opened: Opened }
  | { readonly kind: 'refused'; readonly error: SentError }
  | { readonly kind: 'answer'; readonly id: number; readonly answer: Answer }
  | { readonly kind: 'failed'; readonly id: number; readonly error: SentError }
  | { readonly kind: 'group'; readonly outcomes: readonly Outcome<Result>[] }

export type Outcome<Result> =
  | { readonly result: Result; readonly error?: undefined }
  | { readonly error: SentError; readonly result?: undefined }

/** A PolisError as a message: structured cloning would leave only its text. */
export interface SentError {
  readonly code: ErrorCode
  readonly message: string
  readonly path: string
  readonly hint: string | undefined
  readonly problems: readonly Problem[]
  /** Messages, outermost first. */
  readonly causes: readonly string[]
}

export function toSentError(error: PolisError): SentError {
  const { code, message, path, hint, problems } = error
  return { code, message, path, hint, problems, causes: causeChain(error.cause) }
}

export function fromSentError(sent: SentError): PolisError {
  const { code, message, path, hint, problems, causes } = sent
  let cause: Error | undefined
  for (const text of causes.toReversed()) {
    cause = new Error(text, cause === undefined ? {} : { cause })
  }
  return new PolisError(code, message, {
    path,
    problems,
    ...(hint === undefined ? {} : { hint }),
    ...(cause === undefined ? {} : { cause }),
  })
}
