import { PolisError } from '@polis/lib/error'
import type { ApiMetrics } from './metrics.ts'

const MOST_OF_ONE_USER = 100

/** Counts the streams that are open, and refuses a user too many. */
export class OpenStreams {
  readonly #metrics: ApiMetrics
  readonly #byUser = new Map<string, number>()

  constructor(metrics: ApiMetrics) {
    this.#metrics = metrics
  }

  /** Throws ResourceExhausted. Call the result, once, when the stream has ended. */
  open(userUid = ''): () => void {
    const count = this.#byUser.get(userUid) ?? 0
    if (count >= MOST_OF_ONE_USER) {
      throw new PolisError('ResourceExhausted', `${count} streams of this user are open already`, {
        hint: 'close some first',
      })
    }
    this.#byUser.set(userUid, count + 1)
    this.#metrics.streamOpened()
    return () => {
      this.#metrics.streamClosed()
      const left = (this.#byUser.get(userUid) ?? 1) - 1
      if (left === 0) this.#byUser.delete(userUid)
      else this.#byUser.set(userUid, left)
    }
  }
}
