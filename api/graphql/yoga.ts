import type { Logger } from '@polis/lib/logger'
import { GraphQLError, NoSchemaIntrospectionCustomRule } from 'graphql'
import { createYoga, isAsyncIterable, type Plugin, type YogaServerInstance } from 'graphql-yoga'
import type { ApiContext } from './context.ts'
import { toGraphqlError } from './errors.ts'
import { checkLimits, countAliases, LIMITS } from './limits.ts'
import { createSchema } from './schema.ts'

/** GraphQL over HTTP and server-sent events. Whoever calls it has settled who asks and how large the body is. */
export function createGraphql(logger: Logger): YogaServerInstance<ApiContext, object> {
  return createYoga<ApiContext>({
    schema: createSchema(),
    graphqlEndpoint: '/graphql',
    graphiql: false,
    landingPage: false,
    cors: false,
    multipart: false,
    batching: false,
    logging: false,
    maxRequestBodySize: false,
    maskedErrors: { maskError: (error) => toGraphqlError(error, logger) },
    plugins: [limits(), streamErrors(logger), plainErrors(logger)],
  })
}

/** Cheap refusals come before dear work: tokens while parsing, aliases before validating, cost before executing. */
function limits(): Plugin<ApiContext> {
  return {
    onParse({ parseFn, setParseFn }) {
      setParseFn((source, options) => parseFn(source, { ...options, maxTokens: LIMITS.tokens }))
    },
    onValidate({ params, context, addValidationRule, setResult }) {
      if (context.actor === undefined) addValidationRule(NoSchemaIntrospectionCustomRule)
      const aliases = countAliases(params)
      if (aliases <= LIMITS.aliases) return
      const reason = `it has ${aliases} aliases; ${LIMITS.aliases} are allowed`
      setResult([new GraphQLError(`the request asks for too much: ${reason}`)])
    },
    onExecute({ args, setResultAndStopExecution }) {
      const errors = checkLimits(args)
      if (errors.length > 0) setResultAndStopExecution({ errors })
    },
    onSubscribe({ args, setResultAndStopExecution }) {
      const errors = checkLimits(args)
      if (errors.length > 0) setResultAndStopExecution({ errors })
    },
  }
}

/** A stream that fails says why in its last event; left alone it would just break off. */
function streamErrors(logger: Logger): Plugin<ApiContext> {
  return {
    onSubscribe: () => ({
      onSubscribeResult({ result, setResult }) {
        if (isAsyncIterable(result)) setResult(endingWithError(result, logger))
      },
    }),
  }
}

/** What fails before it is executed gets the form of all other errors. */
function plainErrors(logger: Logger): Plugin<ApiContext> {
  return {
    onResultProcess: (payload) => {
      const { result } = payload
      if (Array.isArray(result) || isAsyncIterable(result) || result.errors === undefined) return
      const errors = result.errors.map((error) => toGraphqlError(error, logger))
      payload.setResult({ ...result, errors })
    },
  }
}

function endingWithError<Result>(
  results: AsyncIterable<Result>,
  logger: Logger,
): AsyncIterableIterator<Result | { readonly errors: readonly GraphQLError[] }> {
  const source = results[Symbol.asyncIterator]()
  let isOver = false
  return {
    next: async () => {
      if (isOver) return { done: true, value: undefined }
      try {
        return await source.next()
      } catch (error) {
        isOver = true
        return { done: false, value: { errors: [toGraphqlError(error, logger)] } }
      }
    },
    return: async () => {
      isOver = true
      await source.return?.()
      return { done: true, value: undefined }
    },
    [Symbol.asyncIterator]() {
      return this
    },
  }
}
