import { z } from 'zod'
import { defineKind, guarding, type ObjectOf, pointing } from './kind.ts'
import { BaseStatus, NOT_OBSERVED } from './object.ts'

/** What an operator changed by hand. A new deploy replaces the file's layer and leaves this one. */
export const ServiceOverride = z.strictObject({
  replicas: z.number().int().min(0).max(1_000).optional(),
  environment: z.record(z.string(), z.string()).optional(),
  /** What the file asks for and an operator took away, as `type/alias`: deploys leave it away. */
  detached: z.array(z.string()).optional(),
  /** A new value replaces every task once: what "restart" means. */
  restartToken: z.string().optional(),
})
export type ServiceOverride = z.infer<typeof ServiceOverride>

export const InstanceSpec = z.strictObject({
  applicationUid: z.string(),
  /** The revision that shall run. */
  revisionUid: z.string(),
  /** By Compose service name. */
  overrides: z.record(z.string(), ServiceOverride),
  /** True: keep everything but run nothing. */
  isStopped: z.boolean(),
})
export type InstanceSpec = z.infer<typeof InstanceSpec>

export const InstanceStatus = BaseStatus.extend({
  /** The revision all of whose tasks ran last: where a failed roll-out goes back to. */
  convergedRevisionUid: z.string().optional(),
})
export type InstanceStatus = z.infer<typeof InstanceStatus>

export const instanceKind = defineKind({
  name: 'Instance',
  plural: 'instances',
  scope: 'project',
  summary: 'One running copy of an application, with its own network and names.',
  version: 1,
  spec: InstanceSpec,
  status: InstanceStatus,
  newStatus: NOT_OBSERVED,
  references: (spec) => [...guarding(spec.applicationUid), ...pointing(spec.revisionUid)],
})
export type Instance = ObjectOf<typeof instanceKind>
