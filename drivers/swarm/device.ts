import type { ObservedDevice } from '@polis/hal/driver'
import { PolisError } from '@polis/lib/error'
import type { SwarmParameters } from './config.ts'
import type { EngineNetwork, EngineNode } from './engine-types.ts'
import { hasCode } from './errors.ts'
import {
  ensureGateway,
  gatewayAddressOf,
  GATEWAY_NETWORK,
  keepsTasksApart,
  removeGateway,
} from './gateway.ts'
import { ownAddress, type RunOnNode } from './host-network.ts'
import { INSTALLATION_LABEL } from './labels.ts'
import { closePorts, openPorts } from './port-guard.ts'
import type { SwarmApi } from './swarm-api.ts'

export interface DeviceDeps {
  readonly api: SwarmApi
  readonly parameters: SwarmParameters
  readonly runOnNode: RunOnNode
}

interface Obstacle {
  readonly message: string
  readonly remedy?: string
}

const PORT = 2377

/** Why this engine cannot run our tasks, and what a person can do about it. Pure. */
export function findObstacle({ LiveRestoreEnabled, Swarm }: EngineNode): Obstacle | undefined {
  if (LiveRestoreEnabled) {
    return {
      message: 'Docker is set to live-restore, which Swarm mode excludes',
      remedy: 'remove "live-restore" from /etc/docker/daemon.json and restart Docker',
    }
  }
  switch (Swarm.LocalNodeState) {
    case 'inactive':
      return undefined
    case 'pending':
      return { message: "this node's swarm is starting" }
    case 'locked':
      return {
        message: "this node's swarm is locked",
        remedy: 'run `docker swarm unlock` with its key',
      }
    case 'active':
      if (Swarm.ControlAvailable) return undefined
      if (isManager(Swarm)) return { message: "this node's swarm is starting" }
      return {
        message: 'this node is a worker of a swarm that others manage',
        remedy:
          'promote it there (`docker node promote`), or take it out of that swarm (`docker swarm leave`)',
      }
    default:
      return {
        message: `this node's swarm is in state ${Swarm.LocalNodeState}: ${Swarm.Error ?? ''}`,
        remedy: 'see `docker info` and the log of dockerd',
      }
  }
}

/** Also while its engine has just started and cannot manage yet. */
function isManager({ NodeID, RemoteManagers }: EngineNode['Swarm']): boolean {
  return RemoteManagers?.some((manager) => manager.NodeID === NodeID) ?? false
}

/** Looks, changes nothing. */
export async function observeDevice(
  { api }: DeviceDeps,
  signal: AbortSignal,
): Promise<ObservedDevice> {
  const [node, engineVersion, gateway] = await Promise.all([
    api.node(signal),
    api.docker.engineVersion(signal),
    api.findNetwork(GATEWAY_NETWORK, signal),
  ])
  return { engineVersion, ...judge(node, gateway) }
}

function judge(
  node: EngineNode,
  gateway: EngineNetwork | undefined,
): Omit<ObservedDevice, 'engineVersion'> {
  const obstacle = findObstacle(node)
  if (obstacle !== undefined) return { isReady: false, ...obstacle, facts: {} }
  if (node.Swarm.LocalNodeState === 'inactive') {
    return { isReady: false, message: 'Swarm mode is not on yet', facts: {} }
  }
  const gatewayAddress = gateway === undefined ? undefined : gatewayAddressOf(gateway)
  if (gateway === undefined || gatewayAddress === undefined) {
    return { isReady: false, message: `network ${GATEWAY_NETWORK} is not there yet`, facts: {} }
  }
  const facts = {
    gatewayAddress,
    gatewayBridge: GATEWAY_NETWORK,
    engineNode: node.Swarm.NodeID,
    nodeAddress: node.Swarm.NodeAddr,
  }
  if (keepsTasksApart(gateway)) return { isReady: true, message: '', facts }
  return {
    isReady: false,
    message: `network ${GATEWAY_NETWORK} lets containers talk to each other`,
    remedy: `stop what is on it, then \`docker network rm ${GATEWAY_NETWORK}\`: Polis makes it anew`,
    facts,
  }
}

/** Turns Swarm mode on where it is off. An existing swarm is taken as it is. */
export async function ensureDevice(deps: DeviceDeps, signal: AbortSignal): Promise<ObservedDevice> {
  const { api, parameters, runOnNode } = deps
  const node = await api.node(signal)
  if (findObstacle(node) === undefined) {
    try {
      await ensureGateway(api, parameters, runOnNode, signal)
      await guardPorts(deps, node, signal)
      if (node.Swarm.LocalNodeState === 'inactive') await initSwarm(deps, signal)
    } catch (error) {
      return refused(error, await api.docker.engineVersion(signal))
    }
  }
  return observeDevice(deps, signal)
}

/** Before the swarm begins, so that its ports are never open by mistake. Another's swarm has ports of its own. */
async function guardPorts(deps: DeviceDeps, node: EngineNode, signal: AbortSignal): Promise<void> {
  const { parameters, runOnNode } = deps
  const isAlone = node.Swarm.LocalNodeState === 'inactive' || node.Swarm.Nodes === 1
  if (node.Swarm.LocalNodeState !== 'inactive' && !isOurs(deps, node)) return
  if (parameters.acceptsNodes || !isAlone) await openPorts(runOnNode, signal)
  else await closePorts(runOnNode, signal)
}

const isOurs = ({ api }: DeviceDeps, { Swarm }: EngineNode): boolean =>
  api.isOurs(Swarm.Cluster?.Spec?.Labels)

async function initSwarm(deps: DeviceDeps, signal: AbortSignal): Promise<void> {
  const { api, parameters, runOnNode } = deps
  const address = parameters.advertiseAddress ?? (await ownAddress(runOnNode, signal))
  const spec = {
    ListenAddr: `0.0.0.0:${PORT}`,
    // A swarm that was begun on the loopback address cannot take a second node.
    AdvertiseAddr: `${address}:${PORT}`,
    Spec: { Labels: { [INSTALLATION_LABEL]: api.installationUid } },
  }
  try {
    await api.initSwarm(spec, signal)
  } catch (error) {
    if (!hasCode(error, 'AlreadyExists')) throw error
  }
}

/** What only a person can mend is the device's state, not a failed call. */
function refused(error: unknown, engineVersion: string): ObservedDevice {
  if (!(error instanceof PolisError)) throw error
  const { message } = error
  const isProgramMissing = message.endsWith(' is not installed')
  if (error.code !== 'FailedPrecondition' && !isProgramMissing) throw error
  const hint = isProgramMissing ? 'install the packages iproute2 and nftables' : error.hint
  const remedy = hint === undefined ? {} : { remedy: hint }
  return { isReady: false, engineVersion, message, ...remedy, facts: {} }
}

/** Leaves the swarm if this installation began it and nobody else uses it. Tasks and networks must be gone. */
export async function removeSwarm(deps: DeviceDeps, signal: AbortSignal): Promise<void> {
  const { api, runOnNode } = deps
  const node = await api.node(signal)
  if (node.Swarm.ControlAvailable && isOurs(deps, node) && node.Swarm.Nodes === 1) {
    if ((await api.foreignServices(signal)).length > 0) return
    await api.leaveSwarm(signal)
    await openPorts(runOnNode, signal)
  }
  await removeGateway(api, signal)
}
