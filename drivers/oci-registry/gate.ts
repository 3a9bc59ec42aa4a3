/** Lets many work together, or one alone, in the order they came. */
export class Gate {
  /** Ends when all who work alone, or came before one who waits to, have ended. */
  #alone: Promise<unknown> = Promise.resolve()
  readonly #together = new Set<Promise<unknown>>()

  async together<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    await this.#alone
    signal.throwIfAborted()
    const mine = work()
    const settled = mine.then(
      () => undefined,
      () => undefined,
    )
    this.#together.add(settled)
    try {
      return await mine
    } finally {
      this.#together.delete(settled)
    }
  }

  async alone<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const mine = (async () => {
      await this.#alone
      await Promise.all(this.#together)
      signal.throwIfAborted()
      return work()
    })()
    this.#alone = mine.catch(() => undefined)
    return mine
  }
}
