import { z } from 'zod'
import { defineKind, guarding } from './kind.ts'
import { BaseStatus, NOT_OBSERVED } from './object.ts'

export const VolumeSpec = z.strictObject({
  /** Volume-host device that keeps it. */
  deviceUid: z.string(),
  /** Static volume: a folder of the node. Absent: the device chooses the place. */
  path: z.string().optional(),
  /** True: at most one service may have it, and its tasks never overlap. */
  isExclusive: z.boolean(),
  binnedAt: z.string().optional(),
})
export type VolumeSpec = z.infer<typeof VolumeSpec>

export const VolumeStatus = BaseStatus.extend({
  /** Where it is on its node. */
  path: z.string().optional(),
  sizeBytes: z.number().optional(),
})
export type VolumeStatus = z.infer<typeof VolumeStatus>

export const volumeKind = defineKind({
  name: 'Volume',
  plural: 'volumes',
  scope: 'project',
  summary: 'A folder of data that services can be given while they run.',
  version: 1,
  spec: VolumeSpec,
  status: VolumeStatus,
  newStatus: NOT_OBSERVED,
  references: (spec) => guarding(spec.deviceUid),
})
