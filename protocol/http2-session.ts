// HTTP/2 on a connection that is already there, in either direction: who dialled and who serves are two matters.
import http2 from 'node:http2'
import type { TLSSocket } from 'node:tls'
import { Code, ConnectError, type ConnectRouter, type Transport } from '@connectrpc/connect'
import { createConnectTransport } from '@connectrpc/connect-node'
import type { Clock } from '@polis/lib/clock'
import { PolisError } from '@polis/lib/error'
import { CallStreams } from './call-streams.ts'
import { readFarewell, writeFarewell } from './farewell.ts'
import { keepAlive } from './keep-alive.ts'
import { createRequestHandler, MAX_MESSAGE_BYTES } from './request-handler.ts'

const SESSION_OPTIONS = {
  settings: { enablePush: false, initialWindowSize: 1024 * 1024 },
  // Node's own limits guard servers against strangers. These peers know each other, and a controller that cancels a
  // thousand calls at once is no attack.
  maxSessionMemory: 256,
  peerMaxConcurrentStreams: 10_000,
  streamResetBurst: 100_000,
  streamResetRate: 10_000,
}

// HTTP/2 begins with 64 KiB in flight on a connection, which is a megabyte a second to a place 50 ms away.
const CONNECTION_WINDOW_BYTES = 16 * 1024 * 1024

/** One HTTP/2 connection between two peers. */
export interface PeerSession {
  /** Aborted when the connection is over; the reason is a PolisError: the peer's own words, or Unavailable. */
  readonly closed: AbortSignal
  /** Tells the peer why, and ends the connection with all its calls at once. Safe to repeat. */
  close(why: PolisError): void
}

/** The calling end of a connection. */
export interface CallingSession extends PeerSession {
  readonly transport: Transport
  /** Calls and streams that have not ended yet. */
  countCalls(): number
}

/** Calls the peer at the other end of `socket`. A peer that stops answering pings is gone. */
export function callOver(socket: TLSSocket, clock: Clock): CallingSession {
  const authority = 'https://peer'
  const session = http2.connect(authority, { ...SESSION_OPTIONS, createConnection: () => socket })
  const life = watchSession(session, socket, clock)
  let calls = 0
  const transport = createConnectTransport({
    baseUrl: authority,
    httpVersion: '2',
    acceptCompression: [],
    readMaxBytes: MAX_MESSAGE_BYTES,
    writeMaxBytes: MAX_MESSAGE_BYTES,
    sessionManager: {
      authority,
      request: async (method, path, headers, options) => {
        if (life.closed.aborted || session.closed) {
          throw new ConnectError('the connection is over', Code.Unavailable)
        }
        const stream = session.request({ ...headers, ':method': method, ':path': path }, options)
        CallStreams.add(stream)
        calls += 1
        stream.once('close', () => {
          calls -= 1
        })
        return stream
      },
      notifyResponseByteRead: () => undefined,
    },
  })
  return { ...life, transport, countCalls: () => calls }
}

/** Serves the peer at the other end of `socket`. A peer that stops answering pings is gone. */
export function serveOver(
  socket: TLSSocket,
  routes: (router: ConnectRouter) => void,
  clock: Clock,
): PeerSession {
  // The server never listens: it is how Node's HTTP/2 serves requests on a socket from elsewhere.
  const server = http2.createServer(SESSION_OPTIONS, createRequestHandler(routes))
  let life: PeerSession | undefined
  server.once('session', (session) => {
    life = watchSession(session, socket, clock)
  })
  server.emit('connection', socket)
  if (life === undefined) throw new PolisError('Unavailable', 'the connection was over at once')
  return life
}

function watchSession(session: http2.Http2Session, socket: TLSSocket, clock: Clock): PeerSession {
  const over = new AbortController()
  let cause: unknown
  let farewell: PolisError | undefined
  session.on('error', (error) => {
    cause = error
  })
  session.on('goaway', (_code, _lastStreamId, lastWords) => {
    farewell = readFarewell(lastWords)
  })
  session.once('close', () => {
    over.abort(farewell ?? new PolisError('Unavailable', 'the connection broke', { cause }))
  })
  socket.setNoDelay(true)
  const widen = (): void => session.setLocalWindowSize(CONNECTION_WINDOW_BYTES)
  if (session.connecting) session.once('connect', widen)
  else widen()
  void keepAlive(session, clock, over.signal)
  return {
    closed: over.signal,
    close: (why) => {
      if (over.signal.aborted) return
      over.abort(why)
      if (session.destroyed) return
      session.goaway(http2.constants.NGHTTP2_NO_ERROR, 0, writeFarewell(why))
      // The last words leave in the next turn of the loop; what is destroyed in this one says nothing.
      setImmediate(() => session.destroy())
    },
  }
}
