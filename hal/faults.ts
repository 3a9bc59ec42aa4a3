import { PolisError } from '@polis/lib/error'

/** What a test orders to go wrong in a fake, in advance. */
export class Faults<Method extends string> {
  #isAway = false
  readonly #queue: { readonly error: PolisError; readonly method: Method | undefined }[] = []

  /** The next call, or the next call of `method`, throws `error` and changes nothing. Several are kept in order. */
  failNext(error: PolisError, method?: Method): void {
    this.#queue.push({ error, method })
  }

  /** While true every call throws Unavailable, as when the engine behind the device is down. */
  setAway(isAway: boolean): void {
    this.#isAway = isAway
  }

  /** What every method of a fake begins with. */
  enter(method: Method, signal: AbortSignal): void {
    signal.throwIfAborted()
    if (this.#isAway) throw new PolisError('Unavailable', 'the engine of this fake is away')
    const index = this.#queue.findIndex((fault) => (fault.method ?? method) === method)
    const [fault] = index === -1 ? [] : this.#queue.splice(index, 1)
    if (fault !== undefined) throw fault.error
  }
}
