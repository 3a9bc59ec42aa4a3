// Two peers on one loopback connection with real certificates: one calls, the other serves its drivers.
import { once } from 'node:events'
import net from 'node:net'
import tls from 'node:tls'
import { createClient } from '@connectrpc/connect'
import type { Devices } from '@polis/hal/ports'
import type { Clock } from '@polis/lib/clock'
import { DriverService } from './gen/polis/agent/v1/agent_pb.js'
import { type CallingSession, callOver, type PeerSession, serveOver } from './http2-session.ts'
import type { DriverPeer } from './remote-port.ts'
import { serveDrivers } from './serve-drivers.ts'
import { TestCertificates } from './test-certificates.ts'

export interface TestPeers extends AsyncDisposable {
  readonly peer: DriverPeer
  readonly caller: CallingSession
  readonly server: PeerSession
  /** What the serving side learnt of failed calls. */
  readonly failures: readonly { readonly what: string; readonly thrown: unknown }[]
  /** Cuts the wire: both ends see a connection that was reset. */
  cut(): void
  /** Stops both directions without a word, as a host that lost power does. */
  freeze(): void
}

/** The dialling side serves, as an agent does. */
export async function connectTestPeers(devices: Devices, clock: Clock): Promise<TestPeers> {
  const certificates = await TestCertificates.create()
  const kernel = await certificates.issue('spiffe://test/server')
  const agent = await certificates.issue('spiffe://test/node/n1')
  const listener = tls.createServer({
    key: kernel.privateKeyPem,
    cert: kernel.certificatePem,
    ca: certificates.caPem,
    requestCert: true,
    minVersion: 'TLSv1.3',
    ALPNProtocols: ['polis-agent/1'],
  })
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const wire = await openWire(portOf(listener))

  const accepted = once(listener, 'secureConnection') as Promise<[tls.TLSSocket]>
  const dialled = tls.connect({
    socket: wire.near,
    key: agent.privateKeyPem,
    cert: agent.certificatePem,
    ca: certificates.caPem,
    checkServerIdentity: () => undefined,
    ALPNProtocols: ['polis-agent/1'],
  })
  await once(dialled, 'secureConnect')
  const failures: { what: string; thrown: unknown }[] = []
  const server = serveOver(
    dialled,
    (router) =>
      serveDrivers(router, {
        devices,
        nodeUid: 'n1',
        describe: () => ({ protocolVersion: 1 }),
        onFailure: (what, thrown) => failures.push({ what, thrown }),
      }),
    clock,
  )
  const [socket] = await accepted
  const caller = callOver(socket, clock)
  const client = createClient(DriverService, caller.transport)
  return {
    peer: { name: 'node n1', forCalls: () => client, forStreams: () => client },
    caller,
    server,
    failures,
    cut: () => wire.cut(),
    freeze: () => wire.freeze(),
    [Symbol.asyncDispose]: async () => {
      wire.cut()
      listener.close()
      await once(listener, 'close')
    },
  }
}

interface Wire {
  readonly near: net.Socket
  cut(): void
  freeze(): void
}

/** A connection through a relay that a test can cut or freeze. */
async function openWire(port: number): Promise<Wire> {
  const relay = net.createServer()
  relay.listen(0, '127.0.0.1')
  await once(relay, 'listening')
  const arrived = once(relay, 'connection') as Promise<[net.Socket]>
  const near = net.connect(portOf(relay), '127.0.0.1')
  const [middle] = await arrived
  relay.close()
  const far = net.connect(port, '127.0.0.1')
  for (const socket of [near, middle, far]) socket.on('error', () => undefined).setNoDelay(true)
  middle.pipe(far)
  far.pipe(middle)
  return {
    near,
    cut: () => {
      middle.resetAndDestroy()
      far.resetAndDestroy()
    },
    freeze: () => {
      middle.unpipe(far).pause()
      far.unpipe(middle).pause()
    },
  }
}

function portOf(server: net.Server): number {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('not listening on a port')
  return address.port
}
