import { z } from 'zod'
import { defineKind } from './kind.ts'
import { BaseStatus, NOT_OBSERVED } from './object.ts'

export const ApplicationSpec = z.strictObject({
  description: z.string().max(2_000).optional(),
})
export type ApplicationSpec = z.infer<typeof ApplicationSpec>

export const applicationKind = defineKind({
  name: 'Application',
  plural: 'applications',
  scope: 'project',
  summary: 'A Compose file and its history; its instances are the running copies.',
  version: 1,
  spec: ApplicationSpec,
  status: BaseStatus,
  newStatus: NOT_OBSERVED,
})
