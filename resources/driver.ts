import { z } from 'zod'
import { defineKind } from './kind.ts'
import { BaseStatus, NOT_OBSERVED } from './object.ts'

export const DriverSpec = z.strictObject({})

export const DriverStatus = BaseStatus.extend({
  class: z.string().optional(),
  version: z.string().optional(),
  summary: z.string().optional(),
  /** JSON Schema of the parameters a device of this driver takes. */
  parameters: z.record(z.string(), z.unknown()).optional(),
  capabilities: z.record(z.string(), z.unknown()).optional(),
  /** Nodes whose agents host it. */
  nodeUids: z.array(z.string()),
})
export type DriverStatus = z.infer<typeof DriverStatus>

export const driverKind = defineKind({
  name: 'Driver',
  plural: 'drivers',
  scope: 'installation',
  summary: 'One engine behind one device class, as the agents offer it.',
  version: 1,
  spec: DriverSpec,
  status: DriverStatus,
  newStatus: { ...NOT_OBSERVED, nodeUids: [] },
})
