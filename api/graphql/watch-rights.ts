import type { ObjectEvent } from '@polis/kernel/object-cache'
import { PolisError, toPolisError } from '@polis/lib/error'
import { type ApiContext, callerOf } from './context.ts'

/** An end that no object change tells of, an expiry above all, is found within this time. */
const RECHECK_MS = 30_000

/**
 * Calls `lost` once the caller's rights end (Unauthenticated) or change (Aborted), until `signal` aborts. It may be
 * called more than once.
 */
export function watchRights(
  context: ApiContext,
  lost: (error: PolisError) => void,
  signal: AbortSignal,
): void {
  const { kernel, clock, tokenText } = context
  const { userUid, tokenUid } = callerOf(context)
  const recheck = async (): Promise<void> => {
    try {
      const actor = tokenText === undefined ? undefined : await kernel.authenticate(tokenText)
      if (actor === undefined) {
        lost(new PolisError('Unauthenticated', 'the sign-in no longer holds'))
      }
    } catch (cause) {
      lost(toPolisError(cause, 'check the sign-in'))
    }
  }
  const unsubscribe = kernel.subscribe((events) => {
    for (const event of events) {
      const object = event.after ?? event.before
      const isOwn =
        (object?.kind === 'User' && object.metadata.uid === userUid) ||
        (object?.kind === 'Token' && object.metadata.uid === tokenUid)
      if (isOwn) void recheck()
      const isOwnRole = object?.kind === 'RoleBinding' && object.spec.userUid === userUid
      if (isOwnRole && isOfIntent(event)) {
        const hint = 'open the stream again'
        lost(new PolisError('Aborted', 'the rights of the caller have changed', { hint }))
      }
    }
  })
  signal.addEventListener('abort', unsubscribe)
  void (async () => {
    while (!signal.aborted) {
      await clock.sleep(RECHECK_MS, signal).catch(() => undefined)
      if (!signal.aborted) await recheck()
    }
  })()
}

/** Whether more than the status changed. */
function isOfIntent({ before, after }: ObjectEvent): boolean {
  return (
    before?.metadata.generation !== after?.metadata.generation ||
    before?.metadata.deletionRequestedAt !== after?.metadata.deletionRequestedAt
  )
}
