import { constants } from 'node:crypto'
import { once } from 'node:events'
import tls, { type TLSSocket } from 'node:tls'
import type { EnrolmentAuthority, NodeObserver } from '@polis/hal/enrolment'
import type { Clock } from '@polis/lib/clock'
import { causeChain, PolisError, toPolisError } from '@polis/lib/error'
import type { Logger } from '@polis/lib/logger'
import { ALPN } from './alpn.ts'
import { callOver, serveOver } from './http2-session.ts'
import { describeConnection } from './node-session.ts'
import { NodeSessions } from './node-sessions.ts'
import { removedNode, serveKernel } from './serve-kernel.ts'
import { explainUnknownPeer, findPeer, type TlsIdentity } from './tls-peer.ts'

export interface AgentListenerDeps {
  /** The server's certificate is followed by its root, for nodes that know only the root's digest. */
  readonly identity: TlsIdentity
  readonly installationUid: string
  readonly authority: EnrolmentAuthority
  readonly observer: NodeObserver
  readonly clock: Clock
  readonly logger: Logger
}

const HANDSHAKE_WITHIN_MS = 10_000
/** Who has no certificate can only enrol, and that is one call. */
const STRANGERS_STAY_MS = 30_000
const MAX_STRANGERS = 100

/**
 * The agents' port. Proves who connects and keeps the connections; every decision is the authority's. Start it when the
 * authority knows its nodes: one it does not know is told that it was removed.
 */
export class AgentListener {
  /** The connected nodes. */
  readonly sessions: NodeSessions
  readonly #deps: AgentListenerDeps
  readonly #server: tls.Server
  readonly #sockets = new Set<TLSSocket>()
  #accepted = 0
  #strangers = 0

  constructor(deps: AgentListenerDeps) {
    this.#deps = deps
    this.sessions = new NodeSessions(deps)
    this.#server = tls.createServer({
      ...toContext(deps.identity),
      requestCert: true,
      // Who has no certificate may still enrol, and who has a bad one is told so.
      rejectUnauthorized: false,
      ALPNProtocols: [ALPN.serves, ALPN.calls],
      handshakeTimeout: HANDSHAKE_WITHIN_MS,
    })
    this.#server.on('secureConnection', (socket) => this.#accept(socket))
    this.#server.on('tlsClientError', (error) => {
      deps.logger.debug('handshake failed', { causes: causeChain(error) })
    })
  }

  /** Returns the port that it listens on: `port`, or one of the system's choice for 0. Throws AlreadyExists when it is taken. */
  async listen(address: { readonly host: string; readonly port: number }): Promise<number> {
    this.#server.listen(address.port, address.host)
    try {
      await once(this.#server, 'listening')
    } catch (cause) {
      const where = `${address.host}:${address.port}`
      throw new PolisError('AlreadyExists', `cannot listen for agents at ${where}`, { cause })
    }
    const bound = this.#server.address()
    return bound === null || typeof bound === 'string' ? address.port : bound.port
  }

  /** The server's renewed certificate: new connections see it, the present ones go on. */
  setIdentity(identity: TlsIdentity): void {
    this.#server.setSecureContext(toContext(identity))
  }

  /** Ends a node's connections, such as when it was removed. Safe to repeat. */
  disconnect(nodeUid: string, why: PolisError = removedNode()): void {
    this.sessions.disconnect(nodeUid, why)
  }

  /** Stops listening and ends all connections. */
  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve))
    await this.sessions.close(new PolisError('Unavailable', 'the server is shutting down'))
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }

  #accept(socket: TLSSocket): void {
    this.#sockets.add(socket)
    socket.once('close', () => this.#sockets.delete(socket))
    // What breaks a connection is told by its HTTP/2 session.
    socket.on('error', () => undefined)
    if (socket.alpnProtocol === ALPN.serves) void this.#callAgent(socket)
    else if (socket.alpnProtocol === ALPN.calls) this.#serveAgent(socket)
    else socket.destroy()
  }

  async #callAgent(socket: TLSSocket): Promise<void> {
    const { authority, clock, logger } = this.#deps
    this.#accepted += 1
    const order = this.#accepted
    const connection = callOver(socket, clock)
    try {
      const node = await this.#admit(socket, authority)
      this.sessions.add(await describeConnection(node, connection, logger), order)
    } catch (thrown) {
      const why = toPolisError(thrown, 'admit a node')
      if (!connection.closed.aborted) {
        const { remoteAddress } = socket
        logger.warn('connection refused', { remoteAddress, causes: causeChain(why) })
      }
      connection.close(why)
    }
  }

  async #admit(socket: TLSSocket, authority: EnrolmentAuthority) {
    const peer = findPeer(socket)
    if (peer === undefined) throw explainUnknownPeer(socket)
    const { identity, installationUid, serialNumber } = peer
    if (identity.type !== 'node' || installationUid !== this.#deps.installationUid) {
      throw new PolisError('PermissionDenied', 'this certificate is not that of a node')
    }
    if (await authority.isRevoked(identity.uid, serialNumber)) throw removedNode()
    return { nodeUid: identity.uid, serialNumber }
  }

  #serveAgent(socket: TLSSocket): void {
    const { authority, clock } = this.#deps
    const peer = findPeer(socket)
    if (peer === undefined && this.#strangers >= MAX_STRANGERS) {
      socket.destroy()
      return
    }
    const session = serveOver(socket, (router) => serveKernel(router, authority, peer), clock)
    if (peer !== undefined) return
    this.#strangers += 1
    session.closed.addEventListener('abort', () => {
      this.#strangers -= 1
    })
    const tooLong = new PolisError('DeadlineExceeded', 'enrolling took too long')
    clock.sleep(STRANGERS_STAY_MS, session.closed).then(
      () => session.close(tooLong),
      () => undefined,
    )
  }
}

function toContext(identity: TlsIdentity): tls.SecureContextOptions {
  const { certificatePem, privateKeyPem, caPem } = identity
  return {
    cert: certificatePem,
    key: privateKeyPem,
    ca: caPem,
    minVersion: 'TLSv1.3',
    // A resumed session would skip the look at the certificate.
    secureOptions: constants.SSL_OP_NO_TICKET,
  }
}
