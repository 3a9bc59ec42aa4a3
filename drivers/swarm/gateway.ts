// The bridge between a node and its tasks. Swarm makes one by itself; made before, it has a subnet of our choice.
import { PolisError } from '@polis/lib/error'
import type { SwarmParameters } from './config.ts'
import type { EngineNetwork } from './engine-types.ts'
import { hasCode } from './errors.ts'
import { hostRoutes, type RunOnNode } from './host-network.ts'
import { INSTALLATION_LABEL } from './labels.ts'
import { gatewayOf, overlaps, parseSubnet } from './subnets.ts'
import type { SwarmApi } from './swarm-api.ts'

/** The name that Docker looks for. */
export const GATEWAY_NETWORK = 'docker_gwbridge'

const ICC_OPTION = 'com.docker.network.bridge.enable_icc'

/** The gateway's own address, which tasks reach. */
export function gatewayAddressOf({ IPAM }: EngineNetwork): string | undefined {
  const [config] = IPAM.Config ?? []
  const subnet = parseSubnet(config?.Subnet ?? '')
  return config?.Gateway ?? (subnet === undefined ? undefined : gatewayOf(subnet))
}

/** False for a bridge on which tasks of different instances could talk to each other. */
export function keepsTasksApart({ Options }: EngineNetwork): boolean {
  return Options?.[ICC_OPTION] === 'false'
}

/** Makes the bridge unless there is one. Throws FailedPrecondition when its subnet is in use on this node. */
export async function ensureGateway(
  api: SwarmApi,
  parameters: SwarmParameters,
  runOnNode: RunOnNode,
  signal: AbortSignal,
): Promise<EngineNetwork> {
  const found = await api.findNetwork(GATEWAY_NETWORK, signal)
  if (found !== undefined) return found
  const { gatewaySubnet } = parameters
  const subnet = parseSubnet(gatewaySubnet)
  if (subnet === undefined) throw new Error(`unparsed subnet ${gatewaySubnet}`)
  const clash = (await hostRoutes(runOnNode, signal)).find((route) =>
    overlaps(route.subnet, subnet),
  )
  if (clash !== undefined) {
    throw new PolisError(
      'FailedPrecondition',
      `the gateway's subnet ${gatewaySubnet} overlaps ${clash.text}, which this node has at ${clash.device}`,
      { path: 'gatewaySubnet', hint: 'choose one unused here: --set gatewaySubnet=SUBNET' },
    )
  }
  try {
    await api.createNetwork(toBridge(api, gatewaySubnet, gatewayOf(subnet)), signal)
  } catch (error) {
    // Made meanwhile by another installation on this engine, or by Swarm.
    if (!hasCode(error, 'AlreadyExists')) throw error
  }
  const made = await api.findNetwork(GATEWAY_NETWORK, signal)
  if (made !== undefined) return made
  throw new PolisError('Aborted', `network ${GATEWAY_NETWORK} vanished while it was made`)
}

function toBridge(api: SwarmApi, subnet: string, gateway: string): object {
  return {
    Name: GATEWAY_NETWORK,
    CheckDuplicate: true,
    Driver: 'bridge',
    IPAM: { Driver: 'default', Config: [{ Subnet: subnet, Gateway: gateway }] },
    Labels: { [INSTALLATION_LABEL]: api.installationUid },
    Options: {
      'com.docker.network.bridge.name': GATEWAY_NETWORK,
      [ICC_OPTION]: 'false',
      'com.docker.network.bridge.enable_ip_masquerade': 'true',
    },
  }
}

/** Takes away the bridge if this installation made it and nothing is on it. */
export async function removeGateway(api: SwarmApi, signal: AbortSignal): Promise<void> {
  const bridge = await api.findNetwork(GATEWAY_NETWORK, signal)
  if (bridge === undefined || !api.isOurs(bridge.Labels)) return
  if (Object.keys(bridge.Containers ?? {}).length > 0) return
  await api.removeNetwork(bridge.Id, signal)
}
