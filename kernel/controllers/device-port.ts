import type { DeviceClass } from '@polis/hal/driver'
import type { Devices, Ports } from '@polis/hal/ports'
import { PolisError } from '@polis/lib/error'
import type { Device } from '@polis/resources/device'
import type { ObjectReader } from '../objects/object-cache.ts'

interface PortDeps {
  readonly cache: ObjectReader
  readonly devices: Devices
}

/** The port of a device, near or far. Throws Unavailable while its node is away. */
export function portOf<Class extends DeviceClass>(
  { cache, devices }: PortDeps,
  deviceClass: Class,
  device: Device,
): Ports[Class] {
  const { spec, metadata } = device
  return devices.port(deviceClass, {
    nodeUid: spec.nodeUid,
    driver: spec.driver,
    uid: metadata.uid,
    name: metadata.name,
    parameters: effectiveParameters(cache, device),
  })
}

/** The edge must know the bridge that the orchestrator made; everything else is as its owner set it. */
function effectiveParameters(
  cache: ObjectReader,
  { spec }: Device,
): Readonly<Record<string, unknown>> {
  if (spec.class !== 'ingress') return spec.parameters
  const gatewayAddress = cache.find('Node', spec.nodeUid)?.status.gatewayAddress
  return gatewayAddress === undefined ? spec.parameters : { gatewayAddress, ...spec.parameters }
}

/** A device of that class on that node. Throws Unavailable when there is none yet. */
export function deviceOn(cache: ObjectReader, deviceClass: DeviceClass, nodeUid: string): Device {
  const device = cache
    .list('Device')
    .find(
      ({ spec, metadata }) =>
        spec.class === deviceClass &&
        spec.nodeUid === nodeUid &&
        metadata.deletionRequestedAt === undefined,
    )
  if (device !== undefined) return device
  throw new PolisError(
    'Unavailable',
    `node ${cache.find('Node', nodeUid)?.metadata.name ?? nodeUid} has no ${deviceClass} device yet`,
  )
}

/** Any orchestrator: one engine spans all nodes. Throws Unavailable when there is none yet. */
export function orchestratorDevice(cache: ObjectReader): Device {
  const devices = cache.list('Device').filter(({ spec }) => spec.class === 'orchestrator')
  const device = devices.find(({ status }) => status.facts['isManager'] !== 'false') ?? devices[0]
  if (device !== undefined) return device
  throw new PolisError('Unavailable', 'no node runs an orchestrator yet', {
    hint: 'see polis node ls: a node must be connected',
  })
}
