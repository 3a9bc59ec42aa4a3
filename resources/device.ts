import { z } from 'zod'
import { defineKind, guarding, type ObjectOf } from './kind.ts'
import { BaseStatus, NOT_OBSERVED } from './object.ts'

export const DeviceSpec = z.strictObject({
  driver: z.string(),
  class: z.string(),
  nodeUid: z.string(),
  parameters: z.record(z.string(), z.unknown()),
})
export type DeviceSpec = z.infer<typeof DeviceSpec>

export const DeviceStatus = BaseStatus.extend({
  engineVersion: z.string().optional(),
  /** Facts by class, such as `address` or `gatewayAddress`. */
  facts: z.record(z.string(), z.string()),
})
export type DeviceStatus = z.infer<typeof DeviceStatus>

export const deviceKind = defineKind({
  name: 'Device',
  plural: 'devices',
  scope: 'installation',
  summary: 'One installed thing that a driver runs: a database server, an edge, a builder.',
  version: 1,
  spec: DeviceSpec,
  status: DeviceStatus,
  newStatus: { ...NOT_OBSERVED, facts: {} },
  references: (spec) => guarding(spec.nodeUid),
})
export type Device = ObjectOf<typeof deviceKind>
