import { AsyncLocalStorage } from 'node:async_hooks'
import type { ClientHttp2Stream } from 'node:http2'

const callOfNow = new AsyncLocalStorage<CallStreams>()

/**
 * The HTTP/2 stream behind a call. Connect resets a stream that its reader gives up; when the peer had answered in
 * full by then, Node keeps what was not read for as long as the connection lives.
 */
export class CallStreams {
  readonly #streams = new Set<ClientHttp2Stream>()

  /** To be told by the session: `stream` belongs to the call that is being made now. */
  static add(stream: ClientHttp2Stream): void {
    const call = callOfNow.getStore()
    if (call !== undefined) call.#streams.add(stream)
  }

  /** Streams opened while `work` runs belong to this call. */
  during<T>(work: () => T): T {
    return callOfNow.run(this, work)
  }

  /** The call is over: nobody reads any more. */
  release(): void {
    for (const stream of this.#streams) {
      if (stream.closed && !stream.destroyed) stream.destroy()
    }
    this.#streams.clear()
  }
}
