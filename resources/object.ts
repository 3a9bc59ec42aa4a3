import { z } from 'zod'

/** What every object carries, whatever its kind. Times are ISO 8601 text, since objects are stored as JSON. */
export const Metadata = z.object({
  /** Never reused; references between objects are by uid only. */
  uid: z.string(),
  /** Unique among objects of one kind in one project; a DNS label, or a host name for a Domain. */
  name: z.string(),
  /** Uid of the Project; absent for objects of the whole installation. */
  projectUid: z.string().optional(),
  /** Grows by one on each change of `spec`; never on a change of `status`. */
  generation: z.number().int().positive(),
  createdAt: z.string(),
  /** Set when somebody wants it gone; the object stays until its controller has cleaned up behind it. */
  deletionRequestedAt: z.string().optional(),
  /** The object this one lives and dies with. */
  ownerUid: z.string().optional(),
  /** The request that changed it last: followed through logs, RPCs and events. */
  requestId: z.string().optional(),
})
export type Metadata = z.infer<typeof Metadata>

export const Condition = z.object({
  type: z.string(),
  status: z.enum(['True', 'False', 'Unknown']),
  /** One CamelCase word for machines; `message` is for people. */
  reason: z.string(),
  message: z.string(),
  /** What a person can do about it, when there is something. */
  remedy: z.string().optional(),
  /** When `status` last became what it is. */
  since: z.string(),
})
export type Condition = z.infer<typeof Condition>

/** The part of `status` that all kinds share. */
export const BaseStatus = z.object({
  /** The generation this status speaks about; older means "not looked at yet". */
  observedGeneration: z.number().int().nonnegative(),
  conditions: z.array(Condition),
})
export type BaseStatus = z.infer<typeof BaseStatus>

/** One object as the store gives it back. */
export interface StoredObject<KindName extends string, Spec, Status extends BaseStatus> {
  readonly kind: KindName
  readonly metadata: Metadata
  readonly spec: Spec
  readonly status: Status
  /** The store's revision of its last change: what a compare-and-set names. */
  readonly revision: number
}

/** A new kind's status before its controller has looked. */
export const NOT_OBSERVED: BaseStatus = { observedGeneration: 0, conditions: [] }

export function findCondition(status: BaseStatus, type: string): Condition | undefined {
  return status.conditions.find((condition) => condition.type === type)
}

/** True when the object's controller has seen its newest spec and says that it holds. */
export function isReady(object: {
  readonly metadata: Metadata
  readonly status: BaseStatus
}): boolean {
  return (
    object.status.observedGeneration === object.metadata.generation &&
    findCondition(object.status, 'Ready')?.status === 'True'
  )
}

/** The conditions with one set; `since` moves only when the status changes. */
export function withCondition(
  conditions: readonly Condition[],
  next: Omit<Condition, 'since'>,
  now: Date,
): Condition[] {
  const before = conditions.find((condition) => condition.type === next.type)
  const since = before?.status === next.status ? before.since : now.toISOString()
  return [...conditions.filter((condition) => condition.type !== next.type), { ...next, since }]
}
