import { z } from 'zod'
import { defineKind } from './kind.ts'
import { BaseStatus, NOT_OBSERVED } from './object.ts'

export const ProjectSpec = z.strictObject({
  displayName: z.string().max(200).optional(),
  /** Absent: no limit. */
  quotas: z.strictObject({
    maxTasks: z.number().int().positive().optional(),
    maxDatabases: z.number().int().positive().optional(),
    maxVolumes: z.number().int().positive().optional(),
  }),
})
export type ProjectSpec = z.infer<typeof ProjectSpec>

export const projectKind = defineKind({
  name: 'Project',
  plural: 'projects',
  scope: 'installation',
  summary: 'A space of names, rights and quotas. Every installation has the project `default`.',
  version: 1,
  spec: ProjectSpec,
  status: BaseStatus,
  newStatus: NOT_OBSERVED,
})
