import { PolisError } from './error.ts'
import { systemClock } from './system-clock.ts'

export interface UntilOptions {
  readonly deadlineMs: number
  readonly everyMs?: number
  readonly signal?: AbortSignal
  /** What is waited for, in words, for the error. */
  readonly what: string
}

/**
 * Asks `probe` until it gives something other than undefined or false, and returns that.
 * An error of the probe counts as "not yet" and becomes the cause of DeadlineExceeded. Rejects with the signal's reason
 * when that aborts.
 */
export async function until<T>(
  probe: () => Promise<T | undefined | false> | T | undefined | false,
  options: UntilOptions,
): Promise<T> {
  const { deadlineMs, everyMs = 50, signal = new AbortController().signal, what } = options
  const endsAtMs = performance.now() + deadlineMs
  let cause: unknown
  do {
    signal.throwIfAborted()
    try {
      const found = await probe()
      if (found !== undefined && found !== false) return found
      cause = undefined
    } catch (error) {
      cause = error
    }
    await systemClock.sleep(everyMs, signal)
  } while (performance.now() < endsAtMs)
  throw new PolisError('DeadlineExceeded', `${what}: not within ${deadlineMs} ms`, { cause })
}
