import { causeChain, ERROR_CODES, PolisError, type Problem, toPolisError } from '@polis/lib/error'
import type { Logger } from '@polis/lib/logger'
import { currentRequestId } from '@polis/lib/trace'
import { GraphQLError } from 'graphql'

/** An error as every surface of the API shows it. */
export interface ShownError {
  readonly message: string
  readonly extensions: {
    readonly code: Problem['code']
    readonly path: string
    readonly message: string
    readonly hint?: string
    readonly problems: readonly Problem[]
    readonly requestId?: string
  }
}

/**
 * What may be told of a thrown value. Anything unexpected is told as Internal with the request's id alone, and
 * logged here, once, with all its causes.
 */
export function toShownError(thrown: unknown, logger: Logger): ShownError {
  const error = toPolisError(thrown, 'answer the request')
  if (error.code !== 'Internal') return shown(error)
  const requestId = currentRequestId()
  logger.error('a request failed', { requestId, causes: causeChain(thrown) })
  return shown(
    new PolisError('Internal', 'something went wrong inside Polis', {
      hint: `look for request ${requestId ?? 'without an id'} in the server's log`,
    }),
  )
}

function shown(error: PolisError): ShownError {
  const { code, path, message, hint, problems } = error
  const requestId = currentRequestId()
  return {
    message,
    extensions: {
      code,
      path,
      message,
      ...(hint === undefined ? {} : { hint }),
      problems,
      ...(requestId === undefined ? {} : { requestId }),
    },
  }
}

/** The same for an error on its way out of GraphQL; it keeps its place in the document. */
export function toGraphqlError(thrown: unknown, logger: Logger): GraphQLError {
  if (isShown(thrown)) return thrown
  if (!(thrown instanceof GraphQLError)) return wrapped(undefined, toShownError(thrown, logger))
  const original = originalOf(thrown)
  // Without a cause it is about the document itself: syntax, unknown fields, limits.
  return original === undefined
    ? wrapped(thrown, shown(new PolisError('InvalidArgument', thrown.message)))
    : wrapped(thrown, toShownError(original, logger))
}

const CODES: ReadonlySet<unknown> = new Set(ERROR_CODES)

/** The library passes an error by here more than once. */
function isShown(thrown: unknown): thrown is GraphQLError {
  return thrown instanceof GraphQLError && CODES.has(thrown.extensions['code'])
}

/** Layers of the library wrap an error more than once. */
function originalOf(error: GraphQLError): Error | undefined {
  const original = error.originalError
  return original instanceof GraphQLError ? originalOf(original) : (original ?? undefined)
}

function wrapped(
  place: GraphQLError | undefined,
  { message, extensions }: ShownError,
): GraphQLError {
  const http = place?.extensions['http']
  return new GraphQLError(message, {
    // The library reads the answer's status from there, and takes it out again.
    extensions: { ...extensions, ...(http === undefined ? {} : { http }) },
    ...(place?.nodes === undefined ? {} : { nodes: place.nodes }),
    ...(place?.path === undefined ? {} : { path: place.path }),
  })
}
