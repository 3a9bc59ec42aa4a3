import type { EnrolmentAuthority, NodeObserver } from '@polis/hal/enrolment'
import { causeChain, PolisError } from '@polis/lib/error'
import type { Logger } from '@polis/lib/logger'
import { type DescribedConnection, observeNode } from './node-session.ts'
import type { DriverPeer } from './remote-port.ts'
import { removedNode } from './serve-kernel.ts'

interface Session {
  readonly control: DescribedConnection
  /** Later ones replace earlier ones. */
  readonly order: number
}

/** Which agents are connected, and what is told of them. Liveness lives here, in memory, and nowhere else. */
export class NodeSessions {
  readonly #authority: Pick<EnrolmentAuthority, 'isRevoked'>
  readonly #observer: NodeObserver
  readonly #logger: Logger
  readonly #sessions = new Map<string, Session>()
  /** By node and session: a bulk connection may come before its control connection is known. */
  readonly #bulk = new Map<string, DescribedConnection>()
  /** What is told of a node comes one after another. */
  readonly #telling = new Map<string, Promise<void>>()

  constructor(deps: {
    readonly authority: Pick<EnrolmentAuthority, 'isRevoked'>
    readonly observer: NodeObserver
    readonly logger: Logger
  }) {
    this.#authority = deps.authority
    this.#observer = deps.observer
    this.#logger = deps.logger
  }

  /** The way to a node's drivers, also while there is none: each call then throws Unavailable. */
  peerOf(nodeUid: string, name: string): DriverPeer {
    const session = (): Session => {
      const found = this.#sessions.get(nodeUid)
      if (found !== undefined) return found
      throw new PolisError('Unavailable', `${name} is away`, {
        hint: 'see polis node ls; on that node: polis up',
      })
    }
    return {
      name,
      forCalls: () => session().control.drivers,
      forStreams: () => {
        const { control } = session()
        return (this.#bulk.get(bulkKey(control)) ?? control).drivers
      },
    }
  }

  isConnected(nodeUid: string): boolean {
    return this.#sessions.has(nodeUid)
  }

  /** Takes a connection up. `order` grows with each connection that is accepted. */
  add(connection: DescribedConnection, order: number): void {
    if (connection.purpose === 'bulk') this.#addBulk(connection)
    else this.#addControl(connection, order)
  }

  /** Ends a node's connections and tells its agent why. Safe to repeat. */
  disconnect(nodeUid: string, why: PolisError): void {
    this.#sessions.get(nodeUid)?.control.connection.close(why)
    for (const bulk of this.#bulk.values()) {
      if (bulk.nodeUid === nodeUid) bulk.connection.close(why)
    }
  }

  /** Ends all connections, and resolves when everything of them has been told. */
  async close(why: PolisError): Promise<void> {
    for (const nodeUid of this.#sessions.keys()) this.disconnect(nodeUid, why)
    await Promise.all(this.#telling.values())
  }

  #addBulk(bulk: DescribedConnection): void {
    const key = bulkKey(bulk)
    this.#bulk.set(key, bulk)
    whenAborted(bulk.connection.closed, () => {
      if (this.#bulk.get(key) === bulk) this.#bulk.delete(key)
    })
  }

  #addControl(control: DescribedConnection, order: number): void {
    const { nodeUid } = control
    const older = this.#sessions.get(nodeUid)
    const replaced = new PolisError('Aborted', 'a newer connection of this node took over')
    if (older !== undefined && older.order > order) {
      control.connection.close(replaced)
      return
    }
    const session = { control, order }
    this.#sessions.set(nodeUid, session)
    older?.control.connection.close(replaced)
    whenAborted(control.connection.closed, () => {
      if (this.#sessions.get(nodeUid) === session) this.#sessions.delete(nodeUid)
      this.#bulk.get(bulkKey(control))?.connection.close(toPolisReason(control.connection.closed))
    })
    const before = this.#telling.get(nodeUid) ?? Promise.resolve()
    const telling = before.then(() => this.#tell(control))
    this.#telling.set(nodeUid, telling)
    void telling.finally(() => {
      if (this.#telling.get(nodeUid) === telling) this.#telling.delete(nodeUid)
    })
  }

  async #tell(control: DescribedConnection): Promise<void> {
    const { nodeUid, serialNumber, manifests, agentVersion, connection } = control
    const logger = this.#logger.child({ nodeUid })
    logger.info('node connected', { agentVersion })
    await this.#attempt(nodeUid, () => this.#observer.connected(nodeUid, manifests))
    try {
      for await (const facts of observeNode(control)) {
        // A node that was removed while it was connected is found out at its next report.
        if (await this.#authority.isRevoked(nodeUid, serialNumber)) connection.close(removedNode())
        await this.#attempt(nodeUid, () => this.#observer.reported(nodeUid, facts))
      }
    } catch (thrown) {
      if (!connection.closed.aborted) {
        logger.warn('node does not report', { causes: causeChain(thrown) })
      }
    }
    await new Promise<void>((resolve) => whenAborted(connection.closed, resolve))
    logger.info('node lost', { causes: causeChain(connection.closed.reason) })
    await this.#attempt(nodeUid, () => this.#observer.lost(nodeUid))
  }

  async #attempt(nodeUid: string, tell: () => Promise<void>): Promise<void> {
    try {
      await tell()
    } catch (thrown) {
      this.#logger.warn('news of a node were not taken', { nodeUid, causes: causeChain(thrown) })
    }
  }
}

// The node's uid is part of it: it is proven by the certificate, while the session's is only said.
function bulkKey({ nodeUid, sessionUid }: DescribedConnection): string {
  return `${nodeUid}/${sessionUid}`
}

function whenAborted(signal: AbortSignal, act: () => void): void {
  if (signal.aborted) act()
  else signal.addEventListener('abort', act, { once: true })
}

function toPolisReason({ reason }: AbortSignal): PolisError {
  return reason instanceof PolisError
    ? reason
    : new PolisError('Unavailable', 'the connection is over')
}
