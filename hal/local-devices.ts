import { isDeepStrictEqual } from 'node:util'
import { PolisError } from '@polis/lib/error'
import type { DeviceClass, DeviceLifecycle, Driver, DriverHost } from './driver.ts'
import type { DeviceAddress, Devices, Ports } from './ports.ts'

interface OpenDevice {
  readonly address: DeviceAddress
  readonly deviceClass: DeviceClass
  readonly port: DeviceLifecycle
}

export interface LocalDevicesDeps {
  /** Or how to find them, when each node has drivers of its own. */
  readonly drivers: readonly Driver[] | ((nodeUid: string) => readonly Driver[])
  /** What the node gives to the driver of one device. Called once for each port that is opened. */
  readonly hostFor: (device: DeviceAddress) => DriverHost
}

/**
 * Devices of the drivers in this very program: the agent's own, and the kernel's in tests. A device is opened when it
 * is first asked for, and anew when its name or parameters changed; calls under way end on the port they began on.
 */
export class LocalDevices implements Devices {
  readonly #deps: LocalDevicesDeps
  readonly #open = new Map<string, OpenDevice>()

  constructor(deps: LocalDevicesDeps) {
    this.#deps = deps
  }

  /**
   * Throws NotFound when no driver of that name is here, InvalidArgument when it drives another class or its driver
   * refuses the parameters.
   */
  port<Class extends DeviceClass>(deviceClass: Class, device: DeviceAddress): Ports[Class] {
    const key = `${device.nodeUid}/${device.uid}`
    const known = this.#open.get(key)
    if (known !== undefined && known.deviceClass === deviceClass && isSame(known.address, device)) {
      return toPort(known.port)
    }
    const driver = this.#findDriver(deviceClass, device)
    const { uid, name, parameters } = device
    const port = driver.open(
      { uid, name, parameters: { ...parameters } },
      this.#deps.hostFor(device),
    )
    this.#open.set(key, { address: device, deviceClass, port })
    return toPort(port)
  }

  #findDriver(deviceClass: DeviceClass, device: DeviceAddress): Driver {
    const { drivers } = this.#deps
    const all = typeof drivers === 'function' ? drivers(device.nodeUid) : drivers
    const driver = all.find(({ manifest }) => manifest.name === device.driver)
    if (driver === undefined) {
      const there = all.map(({ manifest }) => manifest.name).join(', ')
      throw new PolisError('NotFound', `this node has no driver "${device.driver}"`, {
        path: 'driver',
        hint: `drivers here: ${there}`,
      })
    }
    if (driver.manifest.class === deviceClass) return driver
    const what = `driver "${device.driver}" is of class ${driver.manifest.class}, not ${deviceClass}`
    throw new PolisError('InvalidArgument', what, { path: 'driver' })
  }
}

function isSame(one: DeviceAddress, other: DeviceAddress): boolean {
  return (
    one.driver === other.driver &&
    one.name === other.name &&
    isDeepStrictEqual(one.parameters, other.parameters)
  )
}

// A driver's manifest names the class of every port it opens; the types cannot say so.
function toPort<Class extends DeviceClass>(port: DeviceLifecycle): Ports[Class] {
  return port as unknown as Ports[Class]
}
