import type { Http2Session } from 'node:http2'
import type { Clock } from '@polis/lib/clock'

const EVERY_MS = 3_000
const ANSWER_WITHIN_MS = 5_000

/**
 * Ends `session` when the peer stops answering, at most 8 s after its last sign of life: a host that lost power says
 * no goodbye. Returns when `signal` aborts.
 */
export async function keepAlive(
  session: Http2Session,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  try {
    for (;;) {
      await clock.sleep(EVERY_MS, signal)
      if (await isAnswered(session, clock, signal)) continue
      session.destroy(new Error(`the peer did not answer within ${ANSWER_WITHIN_MS} ms`))
      return
    }
  } catch (thrown) {
    if (!signal.aborted) session.destroy(thrown instanceof Error ? thrown : undefined)
  }
}

async function isAnswered(
  session: Http2Session,
  clock: Clock,
  signal: AbortSignal,
): Promise<boolean> {
  const waiting = new AbortController()
  const stopWaiting = (): void => waiting.abort()
  signal.addEventListener('abort', stopWaiting, { once: true })
  try {
    const answer = new Promise<boolean>((resolve) => {
      session.ping((failure) => resolve(failure === null))
    })
    const silence = clock.sleep(ANSWER_WITHIN_MS, waiting.signal).then(
      () => false,
      () => false,
    )
    return await Promise.race([answer, silence])
  } finally {
    signal.removeEventListener('abort', stopWaiting)
    waiting.abort()
  }
}
