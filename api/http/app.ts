import { PolisError } from '@polis/lib/error'
import { withTrace } from '@polis/lib/trace'
import { Hono, type MiddlewareHandler } from 'hono'
import { getCookie } from 'hono/cookie'
import { routePath } from 'hono/route'
import { authenticate } from './authenticate.ts'
import type { Environment, RouteDeps } from './environment.ts'
import { addGraphqlRoute } from './graphql-route.ts'
import { CONTENT_SECURITY_POLICY } from './page.ts'
import { addPublicRoutes } from './public-routes.ts'
import { errorAnswer, isEncrypted } from './request.ts'
import { requestIdFrom } from './request-id.ts'
import { cookieName, sessionCookie } from './session-cookie.ts'
import { addUploadRoute } from './upload-route.ts'

/** Every route of the one port. */
export function createApp(deps: RouteDeps): Hono<Environment> {
  const app = new Hono<Environment>()
  app.onError((error, c) => errorAnswer(c, error, deps.logger))
  app.notFound((c) =>
    errorAnswer(c, new PolisError('NotFound', 'there is nothing here'), deps.logger),
  )
  app.use(traced(deps), shielded, signedIn(deps))
  addPublicRoutes(app, deps)
  addGraphqlRoute(app, deps)
  addUploadRoute(app, deps)
  return app
}

/** Gives the request its id, and says in one line what became of it. Queries carry tokens: they stay out. */
function traced({ logger, clock, metrics }: RouteDeps): MiddlewareHandler<Environment> {
  return async (c, next) => {
    const requestId = requestIdFrom(c.req.header('x-request-id'))
    const startedMs = clock.monotonicMs()
    c.set('requestId', requestId)
    await withTrace({ requestId }, next)
    c.res.headers.set('x-request-id', requestId)
    const { method, path } = c.req
    const { status } = c.res
    const durationMs = Math.round(clock.monotonicMs() - startedMs)
    metrics.answered({ method, route: routePath(c, -1), status, durationMs })
    const user = c.get('caller')?.actor?.name
    logger.debug('answered', { requestId, method, path, status, durationMs, user })
  }
}

const shielded: MiddlewareHandler<Environment> = async (c, next) => {
  await next()
  c.res.headers.set('content-security-policy', CONTENT_SECURITY_POLICY)
  c.res.headers.set('x-content-type-options', 'nosniff')
  c.res.headers.set('referrer-policy', 'no-referrer')
  c.res.headers.set('cross-origin-opener-policy', 'same-origin')
  c.res.headers.set('cross-origin-resource-policy', 'same-origin')
  // Everything here is of the moment and for one user.
  c.res.headers.set('cache-control', 'no-store')
}

function signedIn({ kernel }: RouteDeps): MiddlewareHandler<Environment> {
  const name = cookieName(kernel.installationUid)
  return async (c, next) => {
    const caller = await authenticate(kernel, {
      authorization: c.req.header('authorization'),
      cookie: getCookie(c, name),
      isWrite: c.req.method !== 'GET' && c.req.method !== 'HEAD',
      origin: c.req.header('origin'),
      host: c.req.header('host'),
      client: c.req.header('x-polis-client'),
    })
    c.set('caller', caller)
    await next()
    if (!caller.hasStaleCookie || c.res.headers.has('set-cookie')) return
    c.res.headers.append('set-cookie', sessionCookie(name, undefined, isEncrypted(c)))
  }
}
