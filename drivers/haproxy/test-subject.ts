// An edge in a folder of its own, for tests.
import type { IngressPort } from '@polis/hal/ingress'
import type { IngressSubject } from '@polis/hal/ingress/conformance-subject'
import type { DeviceIdentity, DriverHost } from '@polis/hal/driver'
import { type HaproxyDriverDeps, haproxyDriver } from './driver.ts'
import { LoopbackWorld } from './loopback-world.ts'

export interface HaproxySubject extends IngressSubject {
  readonly world: LoopbackWorld
  readonly host: DriverHost
  /** What the device was opened with. */
  readonly device: DeviceIdentity
}

export async function openHaproxySubject(
  host: DriverHost & AsyncDisposable,
  parameters: Readonly<Record<string, unknown>> = {},
  deps: HaproxyDriverDeps = {},
): Promise<HaproxySubject> {
  const world = new LoopbackWorld()
  const [httpPort, httpsPort] = [await world.freePort(), await world.freePort()]
  world.setEdge({ httpPort, httpsPort })
  const device = {
    uid: 'edge',
    name: 'edge',
    parameters: {
      httpAddress: world.edgeAddress,
      httpPort,
      httpsPort,
      gatewayAddress: world.gatewayAddress,
      maxConnections: 500,
      ...parameters,
    },
  }
  const reopen = (): IngressPort => haproxyDriver(deps).open(device, host)
  const ingress = reopen()
  return {
    ingress,
    world,
    host,
    device,
    reopen,
    [Symbol.asyncDispose]: async () => {
      try {
        await ingress.removeDevice({}, AbortSignal.timeout(20_000))
      } finally {
        await world[Symbol.asyncDispose]()
        await host[Symbol.asyncDispose]()
      }
    },
  }
}
