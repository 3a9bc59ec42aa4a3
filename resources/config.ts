import { z } from 'zod'
import { defineKind } from './kind.ts'
import { BaseStatus, NOT_OBSERVED } from './object.ts'

export const ConfigSpec = z.strictObject({
  content: z.string().max(500_000),
})
export type ConfigSpec = z.infer<typeof ConfigSpec>

export const configKind = defineKind({
  name: 'Config',
  plural: 'configs',
  scope: 'project',
  summary: 'A file that services read, not secret.',
  version: 1,
  spec: ConfigSpec,
  status: BaseStatus,
  newStatus: NOT_OBSERVED,
})
