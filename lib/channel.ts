/**
 * A queue from producers that never wait to one reader. Unbounded: for streams whose items are few and small, such as
 * changes of objects.
 */
export class Channel<T> {
  readonly #items: T[] = []
  #end: { readonly error: unknown } | 'ended' | undefined
  #wake: () => void = () => undefined

  /** Adds an item; says nothing when the channel has ended. */
  push(item: T): void {
    if (this.#end !== undefined) return
    this.#items.push(item)
    this.#wake()
  }

  /** What was pushed before is still read, then reading ends. */
  end(): void {
    this.#end ??= 'ended'
    this.#wake()
  }

  /** What was pushed before is still read, then reading throws `error`. */
  fail(error: unknown): void {
    this.#end ??= { error }
    this.#wake()
  }

  /** All items in order, as they come; rejects with the signal's reason when that aborts. */
  async *read(signal: AbortSignal): AsyncGenerator<T, void, undefined> {
    const onAbort = (): void => this.#wake()
    signal.addEventListener('abort', onAbort)
    try {
      for (;;) {
        signal.throwIfAborted()
        for (let item = this.#items.shift(); item !== undefined; item = this.#items.shift()) {
          yield item
          signal.throwIfAborted()
        }
        if (this.#end === 'ended') return
        if (this.#end !== undefined) throw this.#end.error
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
      }
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }
}
