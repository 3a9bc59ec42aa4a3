import type { DeviceClass, DeviceLifecycle, Driver } from '@polis/hal/driver'
import { LocalDevices } from '@polis/hal/local-devices'
import { contracts, type Ports } from '@polis/hal/ports'
import type { Clock } from '@polis/lib/clock'
import { newUid } from '@polis/lib/uid'
import { remotePort } from './remote-port.ts'
import { connectTestPeers, type TestPeers } from './test-peers.ts'
import type { Contract } from '@polis/hal/contract'

export interface RemoteDevice<Class extends DeviceClass> extends TestPeers {
  readonly port: Ports[Class]
  /** A further device of the same driver: opened anew at its first call. */
  openAnother(): Ports[Class]
}

/** A driver named `fake` that opens each device with `open`. */
export function fakeDriver<Class extends DeviceClass>(
  deviceClass: Class,
  open: () => Ports[Class],
): Driver {
  const manifest = {
    name: 'fake',
    class: deviceClass,
    version: '1',
    summary: 'A fake.',
    parameters: {},
    capabilities: {},
  }
  return { manifest, open: (): DeviceLifecycle => open() }
}

/** The port that `open` gives, as seen from the other end of a connection. */
export async function serveRemotely<Class extends DeviceClass>(
  deviceClass: Class,
  open: () => Ports[Class],
  clock: Clock,
): Promise<RemoteDevice<Class>> {
  const devices = new LocalDevices({
    drivers: [fakeDriver(deviceClass, open)],
    hostFor: () => ({}) as never, // fakes need nothing of a node
  })
  const peers = await connectTestPeers(devices, clock)
  const contract = contracts[deviceClass] as unknown as Contract<Ports[Class]>
  const openDevice = (uid: string): Ports[Class] => {
    const address = { nodeUid: 'n1', driver: 'fake', uid, name: 'exam', parameters: {} }
    return remotePort(deviceClass, contract, peers.peer, address)
  }
  return { ...peers, port: openDevice('d1'), openAnother: () => openDevice(newUid()) }
}
