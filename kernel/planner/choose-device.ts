import type { DeviceClass } from '@polis/hal/driver'
import { PolisError } from '@polis/lib/error'
import type { Device } from '@polis/resources/device'
import type { ObjectReader } from '../objects/object-cache.ts'

export interface DeviceWish {
  readonly name?: string | undefined
  /** A driver's name. */
  readonly engine?: string | undefined
}

/**
 * The device a wish means: by name, by engine, or the only one of its class.
 * Throws NotFound when there is none, InvalidArgument when the wish fits several.
 */
export function chooseDevice(
  reader: ObjectReader,
  deviceClass: DeviceClass,
  wish: DeviceWish = {},
): Device {
  const candidates = reader
    .list('Device')
    .filter(
      (device) =>
        device.spec.class === deviceClass &&
        device.metadata.deletionRequestedAt === undefined &&
        (wish.name === undefined || device.metadata.name === wish.name) &&
        (wish.engine === undefined || device.spec.driver === wish.engine),
    )
    .toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
  const [first, second] = candidates
  if (first === undefined) throw noDevice(reader, deviceClass, wish)
  if (second !== undefined && deviceClass === 'database') {
    const names = candidates.map((device) => device.metadata.name).join(', ')
    throw new PolisError('InvalidArgument', `several ${deviceClass} devices fit: ${names}`, {
      hint: 'name the device',
    })
  }
  return first
}

function noDevice(reader: ObjectReader, deviceClass: DeviceClass, wish: DeviceWish): PolisError {
  const drivers = reader
    .list('Driver')
    .filter((driver) => driver.status.class === deviceClass)
    .map((driver) => driver.metadata.name)
  const wanted = wish.name ?? wish.engine
  return new PolisError(
    'NotFound',
    wanted === undefined
      ? `there is no ${deviceClass} device`
      : `there is no ${deviceClass} device ${wanted}`,
    {
      hint:
        drivers.length === 0
          ? `no node offers a driver of class ${deviceClass}`
          : `add one: polis device add ${drivers[0]}`,
    },
  )
}
