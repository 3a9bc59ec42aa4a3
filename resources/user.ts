import { z } from 'zod'
import { defineKind, type ObjectOf } from './kind.ts'
import { BaseStatus, NOT_OBSERVED } from './object.ts'

export const UserSpec = z.strictObject({
  displayName: z.string().max(200).optional(),
  /** argon2id, PHC text; absent: signs in by link or token only. Never shown by any API. */
  passwordHash: z.string().optional(),
  /** True: holds on the very next request, and ends open streams. */
  isBlocked: z.boolean(),
})
export type UserSpec = z.infer<typeof UserSpec>

export const userKind = defineKind({
  name: 'User',
  plural: 'users',
  scope: 'installation',
  summary: 'A person or a program that signs in.',
  version: 1,
  spec: UserSpec,
  status: BaseStatus,
  newStatus: NOT_OBSERVED,
})
export type User = ObjectOf<typeof userKind>
