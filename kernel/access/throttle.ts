import type { Clock } from '@polis/lib/clock'
import { PolisError } from '@polis/lib/error'

/** Tries that a bucket holds, and how long one takes to come back. */
const BURST = 5
const REFILL_MS = 20_000
/** Buckets kept; the oldest is forgotten first, so that strangers cannot fill the memory. */
const MOST_BUCKETS = 10_000

/** Slows guessing down: so many tries per key, then one every 20 seconds. In memory: a restart gives five more. */
export class Throttle {
  readonly #clock: Clock
  readonly #buckets = new Map<string, { readonly left: number; readonly atMs: number }>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Takes one try. Throws ResourceExhausted when none is left. */
  take(key: string): void {
    const nowMs = this.#clock.monotonicMs()
    const bucket = this.#buckets.get(key) ?? { left: BURST, atMs: nowMs }
    const left = Math.min(BURST, bucket.left + (nowMs - bucket.atMs) / REFILL_MS)
    if (left < 1) {
      throw new PolisError('ResourceExhausted', 'too many tries', {
        hint: `try again in ${Math.ceil(((1 - left) * REFILL_MS) / 1000)} seconds`,
      })
    }
    this.#buckets.delete(key)
    this.#buckets.set(key, { left: left - 1, atMs: nowMs })
    const oldest = this.#buckets.keys().next()
    if (this.#buckets.size > MOST_BUCKETS && oldest.done !== true)
      this.#buckets.delete(oldest.value)
  }

  /** Forgets the tries of a key: it was the right one. */
  clear(key: string): void {
    this.#buckets.delete(key)
  }
}
