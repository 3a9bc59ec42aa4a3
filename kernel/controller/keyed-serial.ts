/** Runs work for the same key one after the other, in the order it was asked for; other keys do not wait. */
export class KeyedSerial {
  readonly #tails = new Map<string, Promise<void>>()

  /** Resolves or rejects as `work` does. */
  run(key: string, work: () => Promise<void>): Promise<void> {
    const before = this.#tails.get(key) ?? Promise.resolve()
    const mine = before.then(work, work)
    const tail = mine.then(
      () => undefined,
      () => undefined,
    )
    this.#tails.set(key, tail)
    void tail.then(() => {
      if (this.#tails.get(key) === tail) this.#tails.delete(key)
    })
    return mine
  }
}
