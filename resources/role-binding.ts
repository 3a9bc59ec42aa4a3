import { z } from 'zod'
import { defineKind, guarding, type ObjectOf } from './kind.ts'
import { BaseStatus, NOT_OBSERVED } from './object.ts'

/** Each role may do all that the next one may. */
export const ROLES = ['administrator', 'operator', 'viewer'] as const
export type Role = (typeof ROLES)[number]

export const RoleBindingSpec = z.strictObject({
  userUid: z.string(),
  role: z.enum(ROLES),
  /** Absent: in every project, and for what belongs to the installation. */
  projectUid: z.string().optional(),
})
export type RoleBindingSpec = z.infer<typeof RoleBindingSpec>

export const roleBindingKind = defineKind({
  name: 'RoleBinding',
  plural: 'role bindings',
  scope: 'installation',
  summary: 'Says that a user has a role, everywhere or in one project.',
  version: 1,
  spec: RoleBindingSpec,
  status: BaseStatus,
  newStatus: NOT_OBSERVED,
  claims: (spec) => [`role/${spec.userUid}/${spec.projectUid ?? '*'}`],
  references: (spec) => [...guarding(spec.userUid), ...guarding(spec.projectUid)],
})
export type RoleBinding = ObjectOf<typeof roleBindingKind>
