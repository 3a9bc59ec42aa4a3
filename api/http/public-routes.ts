import { PolisError, toPolisError } from '@polis/lib/error'
import type { Hono } from 'hono'
import { callerOf } from '../graphql/context.ts'
import type { Environment, RouteDeps } from './environment.ts'
import { isLoopback } from './loopback.ts'
import { frontPage, signInFailedPage } from './page.ts'
import { callerAddress, isEncrypted } from './request.ts'
import { cookieName, sessionCookie } from './session-cookie.ts'

/** Routes for people and for what looks after servers. */
export function addPublicRoutes(app: Hono<Environment>, deps: RouteDeps): void {
  const { kernel, metrics } = deps
  app.get('/', (c) => c.html(frontPage(c.get('caller').actor?.name)))
  app.get('/healthz', (c) => c.text('ok'))
  app.get('/readyz', (c) => (kernel.isReady() ? c.text('ready') : c.text('not ready', 503)))
  // Numbers about the whole installation: for its own machine, and for whoever may look at all of it. What a proxy on
  // this machine passes on comes from elsewhere.
  app.get('/metrics', async (c) => {
    const isProxied = c.req.header('x-forwarded-for') !== undefined
    const isLocal = isLoopback(callerAddress(c)) && !isProxied
    if (!isLocal && callerOf(c.get('caller')).roleIn(undefined) === undefined) {
      throw new PolisError(
        'PermissionDenied',
        'only viewers of the whole installation may see this',
      )
    }
    const text = await metrics.registry.metrics()
    return c.body(text, 200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' })
  })
  app.get('/sign-in', async (c) => {
    try {
      const session = await kernel.signInWithLink(c.req.query('token') ?? '', callerAddress(c))
      const cookie = sessionCookie(cookieName(kernel.installationUid), session, isEncrypted(c))
      c.header('set-cookie', cookie)
      return c.redirect('/', 303)
    } catch (thrown) {
      const error = toPolisError(thrown, 'sign in')
      if (error.code === 'Internal') throw thrown
      return c.html(signInFailedPage(error.message), error.code === 'ResourceExhausted' ? 429 : 401)
    }
  })
}
