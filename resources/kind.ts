import type { z } from 'zod'
import type { BaseStatus, Metadata } from './object.ts'

/** A link from one object to another, by uid. */
export interface Reference {
  readonly uid: string
  /** True: the target cannot be removed while this object exists. */
  readonly isGuarding: boolean
}

export interface KindDefinition<Name extends string, Spec, Status extends BaseStatus> {
  readonly name: Name
  /** Lower-case, for messages and lists: 'volumes'. */
  readonly plural: string
  /** Whether its objects live in a project or in the installation. */
  readonly scope: 'project' | 'installation'
  /** One sentence for GraphQL, help and docs. */
  readonly summary: string
  /** Version of the stored document. Grows with each change of shape, which then needs a migration below. */
  readonly version: number
  readonly spec: z.ZodType<Spec>
  readonly status: z.ZodType<Status>
  /** Status of a new object. */
  readonly newStatus: NoInfer<Status>
  /** Claims beside the name that only one object of the installation may hold: `domain/shop.example`. */
  readonly claims: (spec: Spec) => readonly string[]
  readonly references: (spec: Spec) => readonly Reference[]
  /** From each older version to the next: `[1]` makes a version 2 document of a version 1 one. Pure. */
  readonly migrations: Readonly<
    Record<number, (document: MigratableDocument) => MigratableDocument>
  >
}

export interface MigratableDocument {
  readonly metadata: unknown
  readonly spec: unknown
  readonly status: unknown
}

/** A definition with the parts most kinds leave empty filled in. */
export function defineKind<Name extends string, Spec, Status extends BaseStatus>(
  definition: Pick<
    KindDefinition<Name, Spec, Status>,
    'name' | 'plural' | 'scope' | 'summary' | 'version' | 'spec' | 'status' | 'newStatus'
  > &
    Partial<KindDefinition<Name, Spec, Status>>,
): KindDefinition<Name, Spec, Status> {
  return { claims: () => [], references: () => [], migrations: {}, ...definition }
}

export type ObjectOf<Definition> =
  Definition extends KindDefinition<infer Name, infer Spec, infer Status>
    ? {
        readonly kind: Name
        readonly metadata: Metadata
        readonly spec: Spec
        readonly status: Status
        readonly revision: number
      }
    : never

/** A reference that keeps its target from being removed. */
export function guarding(uid: string | undefined): readonly Reference[] {
  return uid === undefined ? [] : [{ uid, isGuarding: true }]
}

/** A reference that only says who speaks of whom. */
export function pointing(uid: string | undefined): readonly Reference[] {
  return uid === undefined ? [] : [{ uid, isGuarding: false }]
}
