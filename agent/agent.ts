import type { Driver } from '@polis/hal/driver'
import type { NodeIdentity } from '@polis/hal/enrolment'
import { LocalDevices } from '@polis/hal/local-devices'
import { backoffMs } from '@polis/lib/backoff'
import type { Clock } from '@polis/lib/clock'
import { causeChain, PolisError, toPolisError } from '@polis/lib/error'
import type { Logger } from '@polis/lib/logger'
import { newUid } from '@polis/lib/uid'
import { ALPN } from '@polis/protocol/alpn'
import { dial, type DialOptions, type KernelAddress } from '@polis/protocol/dial'
import { KernelClient } from '@polis/protocol/kernel-client'
import { serveAgent } from '@polis/protocol/serve-agent'
import type { PeerSession } from '@polis/protocol/http2-session'
import { openDriverHost } from './driver-hosts.ts'
import { enrol } from './enrol.ts'
import type { IdentityStore } from './identity-store.ts'
import { type NodeFactsSource, observeFacts } from './node-facts.ts'
import { keepCertificate } from './renewal.ts'

export interface AgentDeps {
  readonly address: KernelAddress
  /** The text of `polis node join-token`; asked for only while this node has no certificate. */
  readonly joinToken: () => Promise<string | undefined>
  readonly identityStore: IdentityStore
  readonly facts: NodeFactsSource
  readonly drivers: readonly Driver[]
  readonly agentVersion: string
  /** Parents of the devices' folders: one that outlives a reboot, one on a tmpfs. */
  readonly dataDir: string
  readonly runDir: string
  readonly clock: Clock
  readonly logger: Logger
  /** In [0, 1): jitter. */
  readonly random: () => number
}

/** Where an agent stands. `lost` holds while it tries again. */
export type AgentState =
  | { readonly state: 'enrolling' }
  | { readonly state: 'connected'; readonly since: Date }
  | { readonly state: 'lost'; readonly cause: PolisError; readonly retryAt: Date }

const REDIAL = { firstMs: 200, maxMs: 10_000 }
/** A server that sent this node away will not think better of it in seconds. */
const REFUSED_REDIAL_MS = 60_000
/** A session that lasted this long counts as a success. */
const STEADY_MS = 30_000

/**
 * What runs on a node: makes it one, keeps its session with the server, and hosts its drivers. While the server is
 * away, everything that the drivers run goes on.
 */
export class Agent {
  readonly #deps: AgentDeps
  #state: AgentState = { state: 'enrolling' }
  #identity: NodeIdentity | undefined

  constructor(deps: AgentDeps) {
    this.#deps = deps
  }

  get state(): AgentState {
    return this.#state
  }

  /** Undefined until it is enrolled. */
  get nodeUid(): string | undefined {
    return this.#identity?.nodeUid
  }

  /**
   * Works until the signal aborts; then resolves with its connections closed. Throws when this node cannot become one
   * without somebody's help: FailedPrecondition without certificate and join token, else what `enrol` throws.
   */
  async run(signal: AbortSignal): Promise<void> {
    try {
      this.#identity = await this.#loadOrEnrol(signal)
      const identity = (): NodeIdentity => this.#requireIdentity()
      const { nodeUid } = identity()
      const logger = this.#deps.logger.child({ nodeUid })
      const kernel = new KernelClient({
        dialOptions: () => this.#dialOptions(),
        clock: this.#deps.clock,
      })
      const devices = new LocalDevices({
        drivers: this.#deps.drivers,
        hostFor: (device) => openDriverHost(identity(), device, { ...this.#deps, kernel, logger }),
      })
      const adopt = async (renewed: NodeIdentity): Promise<void> => {
        await this.#deps.identityStore.save(renewed)
        this.#identity = renewed
      }
      await Promise.all([
        this.#stayConnected(devices, logger, signal),
        keepCertificate({ ...this.#deps, kernel, identity, adopt, logger }, signal),
      ])
    } catch (thrown) {
      if (!signal.aborted) throw thrown
    }
  }

  async #loadOrEnrol(signal: AbortSignal): Promise<NodeIdentity> {
    const { identityStore, joinToken, clock, logger, random } = this.#deps
    const known = await identityStore.load()
    if (known !== undefined) return known
    for (let failures = 1; ; failures += 1) {
      const token = await joinToken()
      if (token === undefined) {
        throw new PolisError('FailedPrecondition', 'this machine is no node yet', {
          hint: 'give it a token: polis node join-token, on the server',
        })
      }
      try {
        const identity = await enrol(token, this.#deps, signal)
        await identityStore.save(identity)
        logger.info('enrolled', { nodeUid: identity.nodeUid, nodeName: identity.nodeName })
        return identity
      } catch (thrown) {
        signal.throwIfAborted()
        const error = toPolisError(thrown, 'enrol this node')
        if (error.code !== 'Unavailable') throw error
        logger.warn('not enrolled yet', { failures, causes: causeChain(error) })
        await clock.sleep(backoffMs(failures, { ...REDIAL, random }), signal)
      }
    }
  }

  async #stayConnected(devices: LocalDevices, logger: Logger, signal: AbortSignal): Promise<void> {
    const { clock, random } = this.#deps
    let failures = 0
    while (!signal.aborted) {
      const startedMs = clock.monotonicMs()
      const cause = await this.#session(devices, logger, signal)
      if (signal.aborted) return
      failures = clock.monotonicMs() - startedMs >= STEADY_MS ? 1 : failures + 1
      const isRefused = cause.code === 'PermissionDenied' || cause.code === 'Unauthenticated'
      const delayMs = isRefused ? REFUSED_REDIAL_MS : backoffMs(failures, { ...REDIAL, random })
      const retryAt = new Date(clock.now().getTime() + delayMs)
      this.#state = { state: 'lost', cause, retryAt }
      logger.warn('session lost', { delayMs, failures, causes: causeChain(cause) })
      await clock.sleep(delayMs, signal)
    }
  }

  /** One session: both its connections, until either ends. Gives the reason. */
  async #session(devices: LocalDevices, logger: Logger, signal: AbortSignal): Promise<PolisError> {
    const { clock } = this.#deps
    const sessionUid = newUid()
    const connections: PeerSession[] = []
    try {
      for (const purpose of ['control', 'bulk'] as const) {
        const socket = await dial({ ...this.#dialOptions(), alpn: ALPN.serves }, signal)
        connections.push(this.#serve(socket, { purpose, sessionUid, devices, logger }))
      }
      this.#state = { state: 'connected', since: clock.now() }
      logger.info('connected', { sessionUid })
      return await firstEnd([signal, ...connections.map(({ closed }) => closed)])
    } catch (thrown) {
      return toPolisError(thrown, 'connect to the server')
    } finally {
      const over = new PolisError('Unavailable', 'the agent ended this session')
      for (const connection of connections) connection.close(over)
    }
  }

  #serve(
    socket: Awaited<ReturnType<typeof dial>>,
    session: {
      readonly purpose: 'control' | 'bulk'
      readonly sessionUid: string
      readonly devices: LocalDevices
      readonly logger: Logger
    },
  ): PeerSession {
    const { agentVersion, drivers, facts, clock } = this.#deps
    const { logger } = session
    return serveAgent(socket, {
      ...session,
      nodeUid: this.#requireIdentity().nodeUid,
      agentVersion,
      manifests: drivers.map(({ manifest }) => manifest),
      observe: (ending) => observeFacts({ facts, clock, logger }, ending),
      onFailure: (call, thrown) => {
        const { code, cause } = toPolisError(thrown, call)
        // The kernel knows what the driver said; only here is known what was behind it.
        const level = code === 'Internal' || cause !== undefined ? 'warn' : 'debug'
        logger[level]('device call failed', { call, code, causes: causeChain(thrown) })
      },
      clock,
    })
  }

  #dialOptions(): Omit<DialOptions, 'alpn'> {
    const identity = this.#requireIdentity()
    const { caPem, installationUid } = identity
    return { address: this.#deps.address, caPem, installationUid, certificate: identity }
  }

  #requireIdentity(): NodeIdentity {
    if (this.#identity === undefined) throw new PolisError('Internal', 'not enrolled yet')
    return this.#identity
  }
}

/** Resolves with the reason of the signal that aborts first, and leaves nothing on the others. */
async function firstEnd(signals: readonly AbortSignal[]): Promise<PolisError> {
  const over = new AbortController()
  const reason = await new Promise<unknown>((resolve) => {
    for (const signal of signals) {
      const end = (): void => resolve(signal.reason)
      if (signal.aborted) end()
      else signal.addEventListener('abort', end, { once: true, signal: over.signal })
    }
  })
  over.abort()
  return toPolisError(reason, 'stay connected')
}
