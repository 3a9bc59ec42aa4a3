import { createHash, X509Certificate } from 'node:crypto'
import type { BuilderPort, BuildRequest } from '@polis/hal/builder'
import { FakeBuilder } from '@polis/hal/builder/fake'
import { formatJoinToken } from '@polis/hal/join-token'
import { LocalDevices } from '@polis/hal/local-devices'
import { silentLogger } from '@polis/lib/logger'
import { systemClock } from '@polis/lib/system-clock'
import { newUid } from '@polis/lib/uid'
import { until } from '@polis/lib/until'
import type { NodeFacts } from '@polis/resources/node'
import { AgentListener } from './agent-listener.ts'
import { ALPN } from './alpn.ts'
import { dial, type KernelAddress } from './dial.ts'
import type { PeerSession } from './http2-session.ts'
import { KernelClient } from './kernel-client.ts'
import { RemoteDevices } from './remote-devices.ts'
import { serveAgent } from './serve-agent.ts'
import { TEST_FACTS, TestAuthority } from './test-authority.ts'
import { fakeDriver } from './test-remote.ts'
import type { TlsIdentity } from './tls-peer.ts'

export interface TestAgentOptions {
  readonly identity: TlsIdentity
  readonly builder?: BuilderPort
  readonly sessionUid?: string
  readonly purpose?: 'control' | 'bulk'
  /** What it says of itself; once, when left out. */
  readonly observe?: (signal: AbortSignal) => AsyncIterable<NodeFacts>
}

export const WITHIN = { deadlineMs: 5_000, everyMs: 5 }

export const soon = (): AbortSignal => AbortSignal.timeout(20_000)

/** A listener on a loopback port, and agents that connect to it with certificates of its CA. */
export class TestInstallation implements AsyncDisposable {
  readonly authority: TestAuthority
  readonly listener: AgentListener
  readonly address: KernelAddress
  readonly #agents: PeerSession[] = []

  private constructor(authority: TestAuthority, listener: AgentListener, address: KernelAddress) {
    this.authority = authority
    this.listener = listener
    this.address = address
  }

  /** With an authority and a port, as the server that comes back after a restart. */
  static async start(
    options: { readonly authority?: TestAuthority; readonly port?: number } = {},
  ): Promise<TestInstallation> {
    const authority = options.authority ?? (await TestAuthority.create())
    const listener = new AgentListener({
      identity: await authority.serverIdentity(),
      installationUid: authority.installationUid,
      authority,
      observer: authority,
      clock: systemClock,
      logger: silentLogger,
    })
    const host = '127.0.0.1'
    return new TestInstallation(authority, listener, {
      host,
      port: await listener.listen({ host, port: options.port ?? 0 }),
    })
  }

  /** A token for that many nodes. */
  newJoinToken(uses = 1): string {
    const secret = newUid()
    this.authority.tokens.set(secret, uses)
    return formatJoinToken({ secret, caDigest: digestOfPem(this.caPem) })
  }

  get caPem(): string {
    return this.authority.certificates.caPem
  }

  /** Connects as an agent does, and serves one builder. */
  async connectAgent(options: TestAgentOptions): Promise<PeerSession> {
    const {
      identity,
      builder = new FakeBuilder(),
      sessionUid = 's1',
      purpose = 'control',
    } = options
    const { address, caPem } = this
    const socket = await dial({ address, caPem, certificate: identity, alpn: ALPN.serves }, soon())
    const driver = fakeDriver('builder', () => builder)
    const devices = new LocalDevices({ drivers: [driver], hostFor: () => ({}) as never })
    const session = serveAgent(socket, {
      purpose,
      sessionUid,
      nodeUid: 'n',
      agentVersion: '0.1.0',
      manifests: [driver.manifest, { name: 'from 2031' } as never],
      devices,
      observe: options.observe ?? reportOnce,
      onFailure: () => undefined,
      clock: systemClock,
    })
    this.#agents.push(session)
    return session
  }

  /** The kernel's view of a node's builder. */
  builderOf(nodeUid: string): BuilderPort {
    const { sessions } = this.listener
    const devices = new RemoteDevices({ sessions, nodeName: () => 'web-1' })
    const device = { nodeUid, driver: 'fake', uid: 'd1', name: 'images', parameters: {} }
    return devices.port('builder', device)
  }

  async isConnected(nodeUid: string): Promise<void> {
    const { sessions } = this.listener
    await until(() => sessions.isConnected(nodeUid), { ...WITHIN, what: 'the connection' })
  }

  /** Asks the kernel as that node does; as a stranger without an identity. */
  clientOf(identity: TlsIdentity | undefined): KernelClient {
    const { address, caPem } = this
    const certificate = identity === undefined ? {} : { certificate: identity }
    return new KernelClient({
      dialOptions: () => ({ address, caPem, ...certificate }),
      clock: systemClock,
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.listener.close()
    await Promise.all(this.#agents.map(isOver))
  }
}

async function* reportOnce(signal: AbortSignal): AsyncGenerator<NodeFacts> {
  yield TEST_FACTS
  await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
}

export async function isOver(session: PeerSession): Promise<void> {
  await until(() => session.closed.aborted, { ...WITHIN, what: 'the end of a connection' })
}

/** SHA-256 of a certificate's bytes, hexadecimal. */
export function digestOfPem(pem: string): string {
  return createHash('sha256').update(new X509Certificate(pem).raw).digest('hex')
}

/** What a call throws. */
export function errorOf(call: Promise<unknown>): Promise<unknown> {
  return call.then(
    () => 'no error',
    (error: unknown) => error,
  )
}

export const BUILD: BuildRequest = {
  uid: 'u1',
  contextDigest: 'sha256:a',
  contextPath: '.',
  dockerfile: 'Dockerfile',
  buildArgs: {},
  tag: 'a:1',
  limits: { memoryBytes: 1, cpus: 1 },
}
