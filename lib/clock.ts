/** Time, handed in so that tests own it. */
export interface Clock {
  /** Wall time: for people and certificates, never for measuring. */
  now(): Date
  /** Milliseconds that only grow, from an arbitrary start. */
  monotonicMs(): number
  /** Resolves after `delayMs`; rejects with the signal's reason when that aborts first. */
  sleep(delayMs: number, signal: AbortSignal): Promise<void>
}
