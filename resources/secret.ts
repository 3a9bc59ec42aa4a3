import { z } from 'zod'
import { defineKind } from './kind.ts'
import { BaseStatus, NOT_OBSERVED } from './object.ts'

export const SecretSpec = z.strictObject({
  /** Encrypted under the installation's key, which lies outside the store. Never shown by any API. */
  sealedValue: z.string(),
  /** Grows with each rotation. */
  version: z.number().int().positive(),
})
export type SecretSpec = z.infer<typeof SecretSpec>

export const secretKind = defineKind({
  name: 'Secret',
  plural: 'secrets',
  scope: 'project',
  summary: 'A value kept encrypted and given to services as a file.',
  version: 1,
  spec: SecretSpec,
  status: BaseStatus,
  newStatus: NOT_OBSERVED,
})
