import type { Clock } from '@polis/lib/clock'
import type { PolisError } from '@polis/lib/error'
import { type Condition, withCondition } from '@polis/resources/object'
import type { PolisObject } from '@polis/resources/registry'
import type { ObjectChange } from '../objects/change.ts'

/**
 * A status change that says whether a spec holds; undefined when the object says so already. `generation` is that of
 * the object that was looked at: a spec that came meanwhile has not been.
 */
export function readiness<Target extends PolisObject>(
  before: Target,
  ready: Omit<Condition, 'since' | 'type'>,
  clock: Clock,
  extra: Partial<Target['status']> = {},
  generation: number = before.metadata.generation,
): ObjectChange | undefined {
  const conditions = withCondition(
    before.status.conditions,
    { type: 'Ready', ...ready },
    clock.now(),
  )
  return statusChange(before, {
    ...before.status,
    ...extra,
    observedGeneration: generation,
    conditions,
  })
}

/** A status change, or undefined when nothing would change. */
export function statusChange<Target extends PolisObject>(
  before: Target,
  status: Target['status'],
): ObjectChange | undefined {
  if (isSame(before.status, status)) return undefined
  // The object and its status are of one kind by the signature; the union of changes cannot say so.
  return { type: 'status', before, status } as ObjectChange
}

/** What an error means for `Ready`. */
export function failure(error: PolisError): Omit<Condition, 'since' | 'type'> {
  return {
    status: 'False',
    reason: error.code,
    message: error.message,
    ...(error.hint === undefined ? {} : { remedy: error.hint }),
  }
}

/** Equal as JSON, whatever the order of members. */
export function isSame(a: unknown, b: unknown): boolean {
  // Putting members in order costs far more than asking, and mostly they are in the same order.
  return JSON.stringify(a) === JSON.stringify(b) || canonical(a) === canonical(b)
}

/** JSON with members in order: equal values give equal text. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, member: unknown) =>
    typeof member === 'object' && member !== null && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : member,
  )
}
