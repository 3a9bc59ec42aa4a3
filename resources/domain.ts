import { z } from 'zod'
import { defineKind } from './kind.ts'
import { BaseStatus, NOT_OBSERVED } from './object.ts'

export const DomainSpec = z.strictObject({
  /** Lower case; one owner in the whole installation. */
  host: z.string(),
  tls: z.enum(['off']),
})
export type DomainSpec = z.infer<typeof DomainSpec>

export const domainKind = defineKind({
  name: 'Domain',
  plural: 'domains',
  scope: 'project',
  summary: 'A host name that the edge answers for.',
  version: 1,
  spec: DomainSpec,
  status: BaseStatus,
  newStatus: NOT_OBSERVED,
  claims: (spec) => [`domain/${spec.host}`],
})
