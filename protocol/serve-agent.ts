import type { TLSSocket } from 'node:tls'
import type { DriverManifest } from '@polis/hal/driver'
import type { Devices } from '@polis/hal/ports'
import type { Clock } from '@polis/lib/clock'
import type { NodeFacts } from '@polis/resources/node'
import { PROTOCOL_VERSION } from './alpn.ts'
import { answerWithStream } from './answer.ts'
import { NodeService, Purpose } from './gen/polis/agent/v1/agent_pb.js'
import { type PeerSession, serveOver } from './http2-session.ts'
import { encodePayload } from './payload.ts'
import { serveDrivers } from './serve-drivers.ts'

export interface ServeAgentOptions {
  /** 'control' for calls and the node's facts, 'bulk' for streams that may carry much. */
  readonly purpose: 'control' | 'bulk'
  /** The same for both connections of a session. */
  readonly sessionUid: string
  readonly nodeUid: string
  readonly agentVersion: string
  readonly manifests: readonly DriverManifest[]
  readonly devices: Devices
  /** The node's facts: the present ones at once, then as they change, until the signal aborts. */
  readonly observe: (signal: AbortSignal) => AsyncIterable<NodeFacts>
  /** Told of every failed call, as part of its request, with the causes that the kernel does not get to see. */
  readonly onFailure: (what: string, thrown: unknown) => void
  readonly clock: Clock
}

/** Serves the kernel on a connection that this node dialled with `ALPN.serves`. */
export function serveAgent(socket: TLSSocket, options: ServeAgentOptions): PeerSession {
  const { purpose, sessionUid, agentVersion, manifests, observe, clock } = options
  return serveOver(
    socket,
    (router) => {
      serveDrivers(router, {
        ...options,
        describe: () => ({
          protocolVersion: PROTOCOL_VERSION,
          agentVersion,
          sessionUid,
          purpose: purpose === 'bulk' ? Purpose.BULK : Purpose.CONTROL,
          driverManifests: manifests.map(encodePayload),
        }),
      })
      router.service(NodeService, {
        observe: (_request, context) =>
          answerWithStream(context, 'observe the node', async function* () {
            for await (const facts of observe(context.signal)) {
              yield { facts: encodePayload(facts) }
            }
          }),
      })
    },
    clock,
  )
}
