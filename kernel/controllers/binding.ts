import type { FileTree } from '@polis/hal/volume-host'
import type { Attachment } from '@polis/resources/attachment'
import type { SecretSealer } from '../identity/secret-sealing.ts'
import type { ObjectReader } from '../objects/object-cache.ts'

/** Name under which every task finds the gateway of its node. */
export const GATEWAY_HOST = 'polis.gateway'

export type Binding = Readonly<Record<string, string>>

/**
 * What a program is told of a database it was given, in the layout of servicebinding.io (spec 1.1, "Well-known
 * Secret Entries"): the host is always the gateway. Undefined when the database is gone.
 */
export function bindingOf(
  reader: ObjectReader,
  sealer: SecretSealer,
  databaseUid: string,
): Binding | undefined {
  const database = reader.find('Database', databaseUid)
  const secret = reader.find('Secret', database?.spec.passwordUid)
  const device = reader.find('Device', database?.spec.deviceUid)
  if (database === undefined || secret === undefined || device === undefined) return undefined
  const driver = reader.findByName('Driver', undefined, device.spec.driver)
  const { databaseName, roleName, gatewayPort } = database.spec
  const password = sealer.unseal(secret.spec.sealedValue, secret.metadata.uid)
  const scheme = textOf(driver?.status.capabilities?.['uriScheme']) ?? device.spec.driver
  const credentials = `${encodeURIComponent(roleName)}:${encodeURIComponent(password)}`
  return {
    type: textOf(driver?.status.capabilities?.['bindingType']) ?? device.spec.driver,
    provider: 'polis',
    host: GATEWAY_HOST,
    port: String(gatewayPort),
    username: roleName,
    password,
    database: databaseName,
    uri: `${scheme}://${credentials}@${GATEWAY_HOST}:${gatewayPort}/${encodeURIComponent(databaseName)}`,
  }
}

/** The files that an attachment puts under `/polis`, if it is of that sort. */
export function filesOf(
  reader: ObjectReader,
  sealer: SecretSealer,
  { spec }: Attachment,
): FileTree | undefined {
  const { target, alias } = spec
  if (target.type === 'database') {
    const files = bindingOf(reader, sealer, target.databaseUid)
    return files === undefined ? undefined : { path: `bindings/${alias}`, files }
  }
  if (target.type !== 'secret') return undefined
  const secret = reader.find('Secret', target.secretUid)
  if (secret === undefined) return undefined
  const value = sealer.unseal(secret.spec.sealedValue, secret.metadata.uid)
  return { path: `secrets/${alias}`, files: { value } }
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}
