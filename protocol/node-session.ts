import { type Client, createClient } from '@connectrpc/connect'
import { DriverManifest } from '@polis/hal/driver'
import { causeChain, PolisError } from '@polis/lib/error'
import type { Logger } from '@polis/lib/logger'
import { NodeFacts } from '@polis/resources/node'
import { PROTOCOL_VERSION } from './alpn.ts'
import { fromConnectError } from './errors.ts'
import {
  type DescribeResponse,
  DriverService,
  NodeService,
  Purpose,
} from './gen/polis/agent/v1/agent_pb.js'
import type { CallingSession } from './http2-session.ts'
import { decodePayload } from './payload.ts'

/** A connection to an agent that said what it is for. */
export interface DescribedConnection {
  readonly nodeUid: string
  /** Of the certificate that it came with. */
  readonly serialNumber: string
  readonly sessionUid: string
  readonly purpose: 'control' | 'bulk'
  readonly agentVersion: string
  readonly manifests: readonly DriverManifest[]
  readonly connection: CallingSession
  readonly drivers: Client<typeof DriverService>
}

/** Asks the peer what it is. Throws Unavailable when it goes away, InvalidArgument when it speaks no version that we do. */
export async function describeConnection(
  { nodeUid, serialNumber }: Pick<DescribedConnection, 'nodeUid' | 'serialNumber'>,
  connection: CallingSession,
  logger: Logger,
): Promise<DescribedConnection> {
  const drivers = createClient(DriverService, connection.transport)
  const answer = await drivers.describe({ protocolVersion: PROTOCOL_VERSION }).catch((thrown) => {
    throw fromConnectError(thrown, `node ${nodeUid}`)
  })
  if (answer.protocolVersion < PROTOCOL_VERSION) {
    throw new PolisError(
      'FailedPrecondition',
      `the agent speaks protocol ${answer.protocolVersion}, ${PROTOCOL_VERSION} is needed`,
      { hint: 'upgrade Polis on this node' },
    )
  }
  return {
    nodeUid,
    serialNumber,
    sessionUid: answer.sessionUid,
    purpose: answer.purpose === Purpose.BULK ? 'bulk' : 'control',
    agentVersion: answer.agentVersion,
    manifests: readManifests(answer, logger),
    connection,
    drivers,
  }
}

/** One newer driver that this kernel cannot read must not cost the others. */
function readManifests(answer: DescribeResponse, logger: Logger): readonly DriverManifest[] {
  return answer.driverManifests.flatMap((bytes) => {
    try {
      return [decodePayload(DriverManifest, bytes, 'a driver manifest', 'InvalidArgument')]
    } catch (thrown) {
      logger.warn('driver not understood', { causes: causeChain(thrown) })
      return []
    }
  })
}

/** The node's facts as it reports them. Ends with Unavailable when the connection does. */
export async function* observeNode({
  nodeUid,
  connection,
}: DescribedConnection): AsyncGenerator<NodeFacts, void, undefined> {
  const peer = `node ${nodeUid}`
  try {
    const client = createClient(NodeService, connection.transport)
    for await (const { facts } of client.observe({}, { signal: connection.closed })) {
      yield decodePayload(NodeFacts, facts, `the facts of ${peer}`, 'Internal')
    }
  } catch (thrown) {
    throw fromConnectError(thrown, peer)
  }
}
