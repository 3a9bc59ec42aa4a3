import type { Attachment } from '@polis/resources/attachment'
import { findCondition, withCondition } from '@polis/resources/object'
import type { Task } from '@polis/resources/task'
import type { Reconciler, Result } from '../controller/controller.ts'
import { readiness } from '../controller/report.ts'
import type { ObjectEvent } from '../objects/object-cache.ts'
import type { ReconcilerDeps } from './deps.ts'

/** Condition that the edge sets once its table honours an attachment. */
export const ROUTED = 'Routed'

/** Says of each attachment whether it holds, and lets it go when nothing of it is left. */
export class AttachmentReconciler implements Reconciler {
  readonly name = 'attachment'
  readonly concurrency = 8
  readonly #deps: ReconcilerDeps

  constructor(deps: ReconcilerDeps) {
    this.#deps = deps
  }

  keysOf({ before, after }: ObjectEvent): readonly string[] {
    const object = after ?? before
    if (object?.kind === 'Attachment') return [object.metadata.uid]
    if (object?.kind !== 'Task') return []
    return this.#deps.cache
      .guardsOf(object.spec.serviceUid)
      .flatMap((guard) => (guard.kind === 'Attachment' ? [guard.metadata.uid] : []))
  }

  allKeys(): readonly string[] {
    return this.#deps.cache.list('Attachment').map(({ metadata }) => metadata.uid)
  }

  requestIdOf(uid: string): string | undefined {
    return this.#deps.cache.find('Attachment', uid)?.metadata.requestId
  }

  async reconcile(uid: string): Promise<Result> {
    const { cache, writer, clock } = this.#deps
    const attachment = cache.find('Attachment', uid)
    if (attachment === undefined) return { kind: 'settled' }
    const tasks = cache.ownedBy('Task', attachment.spec.serviceUid)
    if (attachment.metadata.deletionRequestedAt !== undefined) {
      if (isLetGo(attachment, tasks)) await writer.commit([{ type: 'remove', before: attachment }])
      return { kind: 'settled' }
    }
    const missing = whatIsMissing(attachment, tasks)
    const change = readiness(
      attachment,
      missing === undefined
        ? { status: 'True', reason: 'Attached', message: '' }
        : {
            status: 'False',
            reason: isRefused(attachment) ? 'FailedPrecondition' : 'Attaching',
            message: missing,
          },
      clock,
    )
    if (change !== undefined) await writer.commit([change])
    return { kind: 'settled' }
  }
}

/** The attachment's status with the edge's word on it. */
export function withRouted(
  { status }: Attachment,
  isRouted: boolean,
  message: string,
  now: Date,
): Attachment['status'] {
  const condition = {
    type: ROUTED,
    status: isRouted ? ('True' as const) : ('False' as const),
    reason: isRouted ? 'InTable' : message === '' ? 'NotInTable' : REFUSED,
    message,
  }
  return { ...status, conditions: withCondition(status.conditions, condition, now) }
}

/** Reason of the Routed condition when the edge said why it cannot have the route. */
const REFUSED = 'Refused'

function isRefused({ status }: Attachment): boolean {
  return findCondition(status, ROUTED)?.reason === REFUSED
}

function isSeenByTasks({ spec }: Attachment): boolean {
  return ['database', 'volume', 'secret'].includes(spec.target.type)
}

function isSeenByEdge({ spec }: Attachment): boolean {
  return ['database', 'domain', 'port'].includes(spec.target.type)
}

function whatIsMissing(attachment: Attachment, tasks: readonly Task[]): string | undefined {
  const routed = findCondition(attachment.status, ROUTED)
  if (isSeenByEdge(attachment) && routed?.status !== 'True') {
    return routed?.message === undefined || routed.message === ''
      ? 'waiting for the edge'
      : routed.message
  }
  if (!isSeenByTasks(attachment)) return undefined
  const { uid } = attachment.metadata
  const without = tasks.find(
    (task) =>
      task.metadata.deletionRequestedAt === undefined &&
      task.status.incarnation !== undefined &&
      !task.status.mountedAttachmentUids.includes(uid),
  )
  return without === undefined ? undefined : `waiting for task ${without.metadata.name}`
}

function isLetGo(attachment: Attachment, tasks: readonly Task[]): boolean {
  const isRouted = findCondition(attachment.status, ROUTED)?.status === 'True'
  const { uid } = attachment.metadata
  return !isRouted && tasks.every((task) => !task.status.mountedAttachmentUids.includes(uid))
}
