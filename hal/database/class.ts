import { z } from 'zod'
import { type Contract, unary } from '../contract.ts'
import { type DeviceLifecycle, Nothing, ObservedDevice } from '../driver.ts'

export const DatabaseCapabilities = z.object({
  /** Value of `type` in a binding (servicebinding.io): 'postgresql', 'mysql', 'redis'. */
  bindingType: z.string(),
  /** Scheme of the `uri` in a binding. */
  uriScheme: z.string(),
})
export type DatabaseCapabilities = z.infer<typeof DatabaseCapabilities>

/** A database with a role of its own that owns it. */
export const DatabaseSpec = z.object({
  /** Uid of the Database object, kept with the database in the engine: a database without it is never touched. */
  uid: z.string(),
  databaseName: z.string(),
  roleName: z.string(),
  /** Travels only inside the encrypted channel; never in a log, argv or error. */
  password: z.string(),
  /** False closes it to its role and ends open sessions, data untouched: what waiting in the bin means. */
  isOpen: z.boolean(),
})
export type DatabaseSpec = z.infer<typeof DatabaseSpec>

export const ObservedDatabase = z.object({
  uid: z.string(),
  databaseName: z.string(),
  roleName: z.string(),
  sizeBytes: z.number(),
  isOpen: z.boolean(),
})
export type ObservedDatabase = z.infer<typeof ObservedDatabase>

/**
 * Device class: a server that holds databases. ObservedDevice.facts has `address` (`host:port` as the device's node
 * reaches it). Every method is safe to repeat; all throw Unavailable while the server is away.
 */
export interface DatabasePort extends DeviceLifecycle {
  /**
   * Brings database and role to `input`: creates, sets the password when it differs, opens or closes.
   * Throws AlreadyExists when a name belongs to something else, FailedPrecondition when that uid's database has other
   * names, InvalidArgument for a name or password that the engine cannot hold whole. A killed call repeated ends in the same place.
   */
  ensureDatabase(input: DatabaseSpec, signal: AbortSignal): Promise<ObservedDatabase>
  /** Drops database and role, with all data, ending open sessions. Succeeds when both are gone; touches only that uid's. */
  removeDatabase(input: { uid: string }, signal: AbortSignal): Promise<Nothing>
  /** Databases that Polis made here. */
  listDatabases(input: Nothing, signal: AbortSignal): Promise<{ databases: ObservedDatabase[] }>
}

export const databaseContract: Contract<DatabasePort> = {
  ensureDevice: unary(Nothing, ObservedDevice),
  observeDevice: unary(Nothing, ObservedDevice),
  removeDevice: unary(Nothing, Nothing),
  ensureDatabase: unary(DatabaseSpec, ObservedDatabase),
  removeDatabase: unary(z.object({ uid: z.string() }), Nothing),
  listDatabases: unary(Nothing, z.object({ databases: z.array(ObservedDatabase) })),
}
