import { z } from 'zod'
import { defineKind, type ObjectOf } from './kind.ts'
import { BaseStatus, NOT_OBSERVED } from './object.ts'

export const ImageSource = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('build'),
    /** Digest of the uploaded build context. */
    contextDigest: z.string(),
    contextPath: z.string(),
    dockerfile: z.string(),
    target: z.string().optional(),
    buildArgs: z.record(z.string(), z.string()),
  }),
  z.strictObject({ type: z.literal('reference'), reference: z.string() }),
])
export type ImageSource = z.infer<typeof ImageSource>

/** Immutable: another source is another image. */
export const ImageSpec = z.strictObject({ source: ImageSource })
export type ImageSpec = z.infer<typeof ImageSpec>

export const ImageStatus = BaseStatus.extend({
  /** What a task is started from: an id or a reference with a digest. */
  pinned: z.string().optional(),
  exposedPorts: z.array(z.string()),
  hasHealthCheck: z.boolean(),
  sizeBytes: z.number().optional(),
})
export type ImageStatus = z.infer<typeof ImageStatus>

export const imageKind = defineKind({
  name: 'Image',
  plural: 'images',
  scope: 'project',
  summary: 'What a service is started from: built here or fetched, and pinned.',
  version: 1,
  spec: ImageSpec,
  status: ImageStatus,
  newStatus: { ...NOT_OBSERVED, exposedPorts: [], hasHealthCheck: false },
})
export type Image = ObjectOf<typeof imageKind>
