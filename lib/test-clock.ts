import type { Clock } from './clock.ts'

interface Sleeper {
  readonly wakeAtMs: number
  readonly wake: () => void
}

/** A clock that moves only when a test says so. */
export class TestClock implements Clock {
  #elapsedMs = 0
  readonly #epoch: Date
  readonly #sleepers = new Set<Sleeper>()

  constructor(epoch: Date = new Date('2026-01-01T00:00:00Z')) {
    this.#epoch = epoch
  }

  now(): Date {
    return new Date(this.#epoch.getTime() + this.#elapsedMs)
  }

  monotonicMs(): number {
    return this.#elapsedMs
  }

  sleep(delayMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted()
      const sleeper: Sleeper = { wakeAtMs: this.#elapsedMs + delayMs, wake: resolve }
      this.#sleepers.add(sleeper)
      const onAbort = (): void => {
        this.#sleepers.delete(sleeper)
        reject(signal.reason)
      }
      signal.addEventListener('abort', onAbort, { once: true })
    })
  }

  /** Moves time and wakes, in order, all who are due. */
  advance(byMs: number): void {
    this.#elapsedMs += byMs
    const due = [...this.#sleepers].filter((sleeper) => sleeper.wakeAtMs <= this.#elapsedMs)
    for (const sleeper of due.toSorted((a, b) => a.wakeAtMs - b.wakeAtMs)) {
      this.#sleepers.delete(sleeper)
      sleeper.wake()
    }
  }
}
