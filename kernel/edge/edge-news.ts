import { findCondition } from '@polis/resources/object'
import type { PolisObject } from '@polis/resources/registry'
import { isIntentNews } from '../controller/news.ts'
import type { ObjectEvent, ObjectReader } from '../objects/object-cache.ts'

/**
 * Services whose routes an event may change; undefined: nothing that edges look at changed. The statuses that come of
 * an edge's table are no news to it. Pure.
 */
export function servicesConcerned(
  reader: ObjectReader,
  event: ObjectEvent,
): readonly string[] | undefined {
  const { before, after } = event
  const object = after ?? before
  switch (object?.kind) {
    case 'Task': {
      const isNews =
        before?.kind !== 'Task' || after?.kind !== 'Task' || factsOf(before) !== factsOf(after)
      return isNews ? [object.spec.serviceUid] : undefined
    }
    case 'Attachment':
      return isIntentNews(event) ? [object.spec.serviceUid] : undefined
    case 'Domain':
    case 'Database':
      return isIntentNews(event) ? holdersOf(reader, object) : undefined
    case 'Device': {
      if (before?.kind !== 'Device' || after?.kind !== 'Device') return holdersOf(reader, object)
      if (before.status.facts['address'] !== after.status.facts['address']) {
        return holdersOf(reader, object)
      }
      const [wasReady, isReady] = [before, after].map(({ status }) =>
        findCondition(status, 'Ready'),
      )
      return object.spec.class === 'ingress' && wasReady?.status !== isReady?.status
        ? []
        : undefined
    }
    case 'Node': {
      const isNews =
        before?.kind === 'Node' &&
        after?.kind === 'Node' &&
        before.status.gatewayAddress !== after.status.gatewayAddress
      return isNews ? [] : undefined
    }
    default:
      return undefined
  }
}

function factsOf({ status, metadata }: PolisObject<'Task'>): string {
  const { state, incarnation, address, nodeUid } = status
  return [state, incarnation, address, nodeUid, metadata.deletionRequestedAt].join()
}

/** Services that are attached to it, or to a database on it. */
function holdersOf(reader: ObjectReader, { metadata }: PolisObject): readonly string[] {
  return reader.guardsOf(metadata.uid).flatMap((guard) => {
    if (guard.kind === 'Attachment') return [guard.spec.serviceUid]
    return guard.kind === 'Database' ? holdersOf(reader, guard) : []
  })
}
