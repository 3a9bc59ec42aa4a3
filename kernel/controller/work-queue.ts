import type { Clock } from '@polis/lib/clock'

/**
 * Keys to look at again. A key is held by at most one worker at a time; asked for meanwhile, it comes once more
 * after. However often it is added before it is taken, it is taken once.
 */
export class WorkQueue {
  readonly #clock: Clock
  readonly #signal: AbortSignal
  readonly #ready: string[] = []
  readonly #queued = new Set<string>()
  readonly #active = new Set<string>()
  readonly #again = new Set<string>()
  readonly #timers = new Map<string, AbortController>()
  readonly #takers: (() => void)[] = []

  /** Delays end without effect when `signal` aborts. */
  constructor(clock: Clock, signal: AbortSignal) {
    this.#clock = clock
    this.#signal = signal
    const endAll = (): void => {
      for (const timer of this.#timers.values()) timer.abort(NOT_NEEDED)
      for (const wake of this.#takers.splice(0)) wake()
    }
    signal.addEventListener('abort', endAll, { once: true })
  }

  add(key: string): void {
    this.#timers.get(key)?.abort(NOT_NEEDED)
    if (this.#active.has(key)) {
      this.#again.add(key)
      return
    }
    if (this.#queued.has(key)) return
    this.#queued.add(key)
    this.#ready.push(key)
    this.#takers.shift()?.()
  }

  /** Adds the key after a delay, unless it is queued already or added before. A later delay replaces an earlier one. */
  addAfter(key: string, delayMs: number): void {
    if (this.#signal.aborted || this.#queued.has(key) || this.#again.has(key)) return
    this.#timers.get(key)?.abort(NOT_NEEDED)
    const timer = new AbortController()
    this.#timers.set(key, timer)
    this.#clock.sleep(delayMs, timer.signal).then(
      () => {
        if (this.#timers.get(key) === timer) this.#timers.delete(key)
        this.add(key)
      },
      () => {
        if (this.#timers.get(key) === timer) this.#timers.delete(key)
      },
    )
  }

  /** The next key, held until `done`; undefined once the signal aborts. */
  async take(): Promise<string | undefined> {
    for (;;) {
      if (this.#signal.aborted) return undefined
      const key = this.#ready.shift()
      if (key !== undefined) {
        this.#queued.delete(key)
        this.#active.add(key)
        return key
      }
      await this.#nextKey()
    }
  }

  done(key: string): void {
    this.#active.delete(key)
    if (this.#again.delete(key)) this.add(key)
  }

  #nextKey(): Promise<void> {
    return new Promise((resolve) => this.#takers.push(resolve))
  }
}

/** Aborting without a reason makes an error with its stack, each time, for nobody. */
const NOT_NEEDED = 'not needed any more'
