import { z } from 'zod'
import { defineKind, guarding, type ObjectOf } from './kind.ts'
import { BaseStatus, NOT_OBSERVED } from './object.ts'

export const DatabaseSpec = z.strictObject({
  deviceUid: z.string(),
  databaseName: z.string(),
  roleName: z.string(),
  /** Secret that holds the role's password. */
  passwordUid: z.string(),
  /** Port of the gateway where attached tasks find it; unique in the installation. */
  gatewayPort: z.number().int(),
  /** Set while it waits in the bin: closed, data kept, can be restored until purged. */
  binnedAt: z.string().optional(),
})
export type DatabaseSpec = z.infer<typeof DatabaseSpec>

export const DatabaseStatus = BaseStatus.extend({
  sizeBytes: z.number().optional(),
})
export type DatabaseStatus = z.infer<typeof DatabaseStatus>

export const databaseKind = defineKind({
  name: 'Database',
  plural: 'databases',
  scope: 'project',
  summary: 'A database with its role on a database device.',
  version: 1,
  spec: DatabaseSpec,
  status: DatabaseStatus,
  newStatus: NOT_OBSERVED,
  claims: (spec) => [
    `gateway-port/${spec.gatewayPort}`,
    `database/${spec.deviceUid}/${spec.databaseName}`,
    `database-role/${spec.deviceUid}/${spec.roleName}`,
  ],
  references: (spec) => [...guarding(spec.deviceUid), ...guarding(spec.passwordUid)],
})
export type Database = ObjectOf<typeof databaseKind>
