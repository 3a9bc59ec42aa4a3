import type { HttpBindings, Http2Bindings } from '@hono/node-server'
import type { Kernel } from '@polis/kernel/kernel'
import type { Clock } from '@polis/lib/clock'
import type { Logger } from '@polis/lib/logger'
import type { Caller } from './authenticate.ts'
import type { ApiMetrics } from './metrics.ts'

/** What the routes are built from. */
export interface ApiDeps {
  readonly kernel: Kernel
  readonly logger: Logger
  readonly clock: Clock
  /** Version of Polis, for people. */
  readonly version: string
}

/** What hono carries along with one request. */
export interface Environment {
  Bindings: HttpBindings | Http2Bindings
  Variables: {
    requestId: string
    logger: Logger
    caller: Caller
  }
}

export interface RouteDeps extends ApiDeps {
  readonly metrics: ApiMetrics
  /** Aborts when the server closes: open streams end. */
  readonly closing: AbortSignal
}
