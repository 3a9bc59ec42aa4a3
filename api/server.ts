import { createServer, type Server } from 'node:http'
import { createSecureServer, type Http2SecureServer, type ServerHttp2Session } from 'node:http2'
import { isIPv6, type Socket } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import { PolisError } from '@polis/lib/error'
import { Registry } from '@prometheus-io/client'
import { createApp } from './http/app.ts'
import type { ApiDeps } from './http/environment.ts'
import { isLoopback } from './http/loopback.ts'
import { ApiMetrics } from './http/metrics.ts'

/** A certificate chain and its key, as PEM. */
export interface TlsIdentity {
  readonly certificate: string
  readonly key: string
}

export interface ApiServerDeps extends ApiDeps {
  /** Address to listen on. Beyond loopback `tls` must be there. */
  readonly address: string
  /** 0: whichever is free. */
  readonly port: number
  readonly tls?: TlsIdentity
  /** Where others have put their numbers already. */
  readonly metrics?: Registry
}

export interface ApiServer {
  /**
   * Resolves when the port is open. Throws FailedPrecondition beyond loopback without TLS, AlreadyExists when the
   * port is taken.
   */
  listen(): Promise<{ readonly url: string }>
  /** Uses another certificate for connections from now on; those that are open stay. Without TLS: nothing. */
  renewCertificate(tls: TlsIdentity): void
  /** Ends open streams and connections and closes the port. Safe to repeat. */
  close(): Promise<void>
}

/** How long requests that are being answered may take to end when the server closes. */
const GRACE_MS = 2000

/** The API on one port: GraphQL, uploads, health, metrics and a page. */
export function createApiServer(deps: ApiServerDeps): ApiServer {
  const closing = new AbortController()
  const metrics = new ApiMetrics(deps.kernel, deps.metrics ?? new Registry())
  const app = createApp({ ...deps, metrics, closing: closing.signal })
  const answer = getRequestListener(app.fetch)
  const server = createNodeServer((incoming, outgoing) => void answer(incoming, outgoing), deps.tls)
  const open = new OpenConnections(server)
  return {
    listen: () => listen(server, deps),
    renewCertificate: ({ certificate, key }) => {
      if ('setSecureContext' in server) server.setSecureContext({ cert: certificate, key })
    },
    close: async () => {
      closing.abort()
      if (!server.listening) return
      const closed = new Promise<'closed'>((resolve) => server.close(() => resolve('closed')))
      const lateMs = deps.clock.monotonicMs() + GRACE_MS
      while (deps.clock.monotonicMs() < lateMs) {
        open.endIdle()
        const pause = deps.clock.sleep(10, new AbortController().signal)
        if ((await Promise.race([closed, pause])) === 'closed') return
      }
      open.cut()
      await closed
    },
  }
}

/** Connections outlive what was asked on them: somebody has to end them. */
class OpenConnections {
  readonly #server: NodeServer
  readonly #sockets = new Set<Socket>()
  readonly #sessions = new Set<ServerHttp2Session>()

  constructor(server: NodeServer) {
    this.#server = server
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket)
      socket.on('close', () => this.#sockets.delete(socket))
    })
    server.on('session', (session: ServerHttp2Session) => {
      this.#sessions.add(session)
      session.on('close', () => this.#sessions.delete(session))
    })
  }

  /** Ends those on which nothing is being answered. */
  endIdle(): void {
    if ('closeIdleConnections' in this.#server) this.#server.closeIdleConnections()
    for (const session of this.#sessions) session.close()
  }

  cut(): void {
    for (const socket of this.#sockets) socket.destroy()
  }
}

type NodeServer = Server | Http2SecureServer

function createNodeServer(listener: RequestListener, tls: TlsIdentity | undefined): NodeServer {
  if (tls === undefined) return createServer(TIMEOUTS, listener)
  const { certificate, key } = tls
  return createSecureServer({ ...TIMEOUTS, allowHTTP1: true, cert: certificate, key }, listener)
}

type RequestListener = (...exchange: Parameters<ReturnType<typeof getRequestListener>>) => void

/** Headers come at once or not at all; a build context may take its time. */
const TIMEOUTS = { headersTimeout: 10_000, requestTimeout: 30 * 60_000 } as const

async function listen(
  server: NodeServer,
  { address, port, tls }: ApiServerDeps,
): Promise<{ readonly url: string }> {
  if (tls === undefined && !isLoopback(address)) {
    throw new PolisError(
      'FailedPrecondition',
      `${address} can be reached from elsewhere: not without TLS`,
      {
        path: 'address',
        hint: 'listen on 127.0.0.1, or give the server a certificate',
      },
    )
  }
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) =>
      reject(toListenError(cause, address, port)),
    )
    server.listen(port, address, resolve)
  })
  const bound = server.address()
  const boundPort = typeof bound === 'object' && bound !== null ? bound.port : port
  const host = isIPv6(address) ? `[${address}]` : address
  return { url: `${tls === undefined ? 'http' : 'https'}://${host}:${boundPort}` }
}

function toListenError(cause: NodeJS.ErrnoException, address: string, port: number): PolisError {
  const place = `${address}:${port}`
  switch (cause.code) {
    case 'EADDRINUSE':
      return new PolisError('AlreadyExists', `${place} is taken by another program`, {
        path: 'port',
        cause,
      })
    case 'EACCES':
      return new PolisError('PermissionDenied', `${place} may not be listened on`, {
        path: 'port',
        cause,
      })
    default:
      return new PolisError('Unavailable', `could not listen on ${place}`, {
        path: 'address',
        cause,
      })
  }
}
