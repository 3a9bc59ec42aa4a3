import { z } from 'zod'
import { defineKind, type ObjectOf, pointing } from './kind.ts'
import { BaseStatus, NOT_OBSERVED } from './object.ts'

export const TokenSpec = z.strictObject({
  /** 'sign-in': a one-time link. 'join': lets a node enrol. */
  purpose: z.enum(['session', 'api', 'sign-in', 'join']),
  /** Whose rights it carries; absent for 'join'. */
  userUid: z.string().optional(),
  /** SHA-256 of the token's text; the text itself is shown once and kept nowhere. */
  hash: z.string(),
  /** The most it may do, whatever its user may. */
  scope: z.enum(['administrator', 'operator', 'viewer']),
  /** Only in this project, when present. */
  projectUid: z.string().optional(),
  expiresAt: z.string(),
  /** How many more times it may be used; absent: no limit until it expires. */
  usesLeft: z.number().int().nonnegative().optional(),
})
export type TokenSpec = z.infer<typeof TokenSpec>

export const tokenKind = defineKind({
  name: 'Token',
  plural: 'tokens',
  scope: 'installation',
  summary: 'Lets a program, a browser session or a new node in, until it expires or is revoked.',
  version: 1,
  spec: TokenSpec,
  status: BaseStatus,
  newStatus: NOT_OBSERVED,
  claims: (spec) => [`token/${spec.hash}`],
  references: (spec) => pointing(spec.userUid),
})
export type Token = ObjectOf<typeof tokenKind>
