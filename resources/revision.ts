import { z } from 'zod'
import { defineKind, type ObjectOf } from './kind.ts'
import { BaseStatus, NOT_OBSERVED } from './object.ts'

/** Immutable: what one deploy asked for, kept so that it can be gone back to. */
export const RevisionSpec = z.strictObject({
  instanceUid: z.string(),
  /** 1, 2, 3, … within the instance. */
  number: z.number().int().positive(),
  /** The Compose files as they were given. */
  files: z.array(z.strictObject({ path: z.string(), text: z.string() })),
  /** The application model that the Compose reader made of them, variables filled in. */
  model: z.record(z.string(), z.unknown()),
  /** Digest of the uploaded folder; present when a service is built. */
  contextDigest: z.string().optional(),
})
export type RevisionSpec = z.infer<typeof RevisionSpec>

export const revisionKind = defineKind({
  name: 'Revision',
  plural: 'revisions',
  scope: 'project',
  summary: 'One version of an instance, as one deploy asked for it.',
  version: 1,
  spec: RevisionSpec,
  status: BaseStatus,
  newStatus: NOT_OBSERVED,
  claims: (spec) => [`revision/${spec.instanceUid}/${spec.number}`],
})
export type Revision = ObjectOf<typeof revisionKind>
