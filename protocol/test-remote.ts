import type { DeviceClass, DeviceLifecycle, Driver } from '@polis/hal/driver'
import { LocalDevices } from '@polis/hal/local-devices'
import { contracts, type Ports } from '@polis/hal/ports'
import type { Clock } from '@polis/lib/clock'
import { remotePort } from './remote-port.ts'
import { connectTestPeers, type TestPeers } from './test-peers.ts'
import type { Contract } from '@polis/hal/contract'

export interface RemoteDevice<Class extends DeviceClass> extends TestPeers {
  readonly port: Ports[Class]
}

/** A driver named `fake` whose devices are all that port. */
export function fakeDriver<Class extends DeviceClass>(
  deviceClass: Class,
  port: Ports[Class],
): Driver {
  const manifest = {
    name: 'fake',
    class: deviceClass,
    version: '1',
    summary: 'A fake.',
    parameters: {},
    capabilities: {},
  }
  return { manifest, open: (): DeviceLifecycle => port }
}

/** The given port, as seen from the other end of a connection. */
export async function serveRemotely<Class extends DeviceClass>(
  deviceClass: Class,
  near: Ports[Class],
  clock: Clock,
): Promise<RemoteDevice<Class>> {
  const devices = new LocalDevices({
    drivers: [fakeDriver(deviceClass, near)],
    hostFor: () => ({}) as never, // fakes need nothing of a node
  })
  const peers = await connectTestPeers(devices, clock)
  const address = { nodeUid: 'n1', driver: 'fake', uid: 'd1', name: 'exam', parameters: {} }
  const contract = contracts[deviceClass] as unknown as Contract<Ports[Class]>
  const port = remotePort(deviceClass, contract, peers.peer, address)
  return { ...peers, port }
}
