import type { Clock } from '@polis/lib/clock'
import { PolisError } from '@polis/lib/error'

/**
 * A signal that aborts with its parent, or with DeadlineExceeded when time is up, until it is disposed of. Unlike
 * `AbortSignal.any` with `AbortSignal.timeout` it follows the clock it is given, and leaves nothing behind: those keep
 * whatever listens to them in memory until the time is up, long after the work is done.
 */
export class Deadline implements Disposable {
  readonly #own = new AbortController()
  readonly #timer = new AbortController()
  readonly #parent: AbortSignal
  readonly #onParent = (): void => this.#own.abort(this.#parent.reason)

  constructor(clock: Clock, delayMs: number, parent: AbortSignal) {
    this.#parent = parent
    if (parent.aborted) this.#onParent()
    parent.addEventListener('abort', this.#onParent, { once: true })
    clock.sleep(delayMs, this.#timer.signal).then(
      () => {
        this.#own.abort(new PolisError('DeadlineExceeded', `not done within ${delayMs} ms`))
      },
      () => undefined,
    )
  }

  get signal(): AbortSignal {
    return this.#own.signal
  }

  [Symbol.dispose](): void {
    this.#parent.removeEventListener('abort', this.#onParent)
    this.#timer.abort(NOT_NEEDED)
  }
}

/** Aborting without a reason makes an error with its stack, each time, for nobody. */
const NOT_NEEDED = 'not needed any more'
