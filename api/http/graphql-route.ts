import { PolisError } from '@polis/lib/error'
import type { Context, Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { type ApiContext, callerOf, Lookup } from '../graphql/context.ts'
import { createGraphql } from '../graphql/yoga.ts'
import type { Environment, RouteDeps } from './environment.ts'
import { OpenStreams } from './open-streams.ts'
import { callerAddress, errorAnswer, isEncrypted, originOf } from './request.ts'
import { cookieName, sessionCookie } from './session-cookie.ts'

/** Fits the largest Compose file, 1 MiB, with what JSON adds to it. */
const MAX_BYTES = 1.5 * 1024 * 1024

/** `POST /graphql`: queries and mutations as JSON, subscriptions as server-sent events. */
export function addGraphqlRoute(app: Hono<Environment>, deps: RouteDeps): void {
  const graphql = createGraphql(deps.logger)
  const streams = new OpenStreams(deps.metrics)
  app.post(
    '/graphql',
    bodyLimit({
      maxSize: MAX_BYTES,
      onError: (c: Context<Environment>) => errorAnswer(c, tooLarge(), deps.logger, 413),
    }),
    async (c) => {
      // Other content types can be sent by a form of any page.
      if (!/^application\/json\b/.test(c.req.header('content-type') ?? '')) {
        const error = new PolisError('InvalidArgument', 'the request must be application/json')
        return errorAnswer(c, error, deps.logger, 415)
      }
      const cookies: string[] = []
      const response = await graphql.fetch(c.req.raw, contextOf(c, { ...deps, streams }, cookies))
      for (const cookie of cookies) response.headers.append('set-cookie', cookie)
      // HTTP/2 knows no such header, and on HTTP/1.1 it says what is so anyway.
      response.headers.delete('connection')
      return response
    },
  )
}

function tooLarge(): PolisError {
  return new PolisError('ResourceExhausted', `the request is larger than ${MAX_BYTES} bytes`, {
    hint: 'a Compose file may have 1 MiB; what it builds from is sent to /uploads',
  })
}

function contextOf(
  c: Context<Environment>,
  deps: RouteDeps & { readonly streams: OpenStreams },
  cookies: string[],
): ApiContext {
  const { kernel, clock, version, closing, streams } = deps
  const { actor, tokenText } = c.get('caller')
  const context: ApiContext = {
    kernel,
    clock,
    version,
    closing,
    actor,
    tokenText,
    requestId: c.get('requestId'),
    clientAddress: callerAddress(c),
    origin: originOf(c),
    setSession: (session) => {
      cookies.push(sessionCookie(cookieName(kernel.installationUid), session, isEncrypted(c)))
    },
    streamOpened: () => streams.open(actor?.userUid),
    lookup: new Lookup(() => kernel.reader(callerOf(context))),
  }
  return context
}
