import type { Contract } from '@polis/hal/contract'
import type { DeviceClass } from '@polis/hal/driver'
import { contracts, type DeviceAddress, type Devices, type Ports } from '@polis/hal/ports'
import type { NodeSessions } from './node-sessions.ts'
import { remotePort } from './remote-port.ts'

export interface RemoteDevicesDeps {
  readonly sessions: Pick<NodeSessions, 'peerOf'>
  /** What people call the node of that uid, for errors. */
  readonly nodeName?: (nodeUid: string) => string | undefined
}

/** The devices of all nodes, through the connections that their agents hold open. */
export class RemoteDevices implements Devices {
  readonly #deps: RemoteDevicesDeps

  constructor(deps: RemoteDevicesDeps) {
    this.#deps = deps
  }

  /** Always gives a port; its calls throw Unavailable while the node is away. */
  port<Class extends DeviceClass>(deviceClass: Class, device: DeviceAddress): Ports[Class] {
    const { sessions, nodeName } = this.#deps
    const { nodeUid } = device
    // The list of contracts names the port of each class; the look-up by name loses that.
    const contract = contracts[deviceClass] as unknown as Contract<Ports[Class]>
    const peer = sessions.peerOf(nodeUid, `node ${nodeName?.(nodeUid) ?? nodeUid}`)
    return remotePort(deviceClass, contract, peer, device)
  }
}
