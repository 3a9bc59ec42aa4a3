import type { ObjectEvent } from '../objects/object-cache.ts'

/** True when the object came, went, or is wanted otherwise than before; a change of status alone is no news. */
export function isIntentNews({ before, after }: ObjectEvent): boolean {
  return (
    before?.metadata.generation !== after?.metadata.generation ||
    before?.metadata.deletionRequestedAt !== after?.metadata.deletionRequestedAt
  )
}
