import { currentRequestId, withTrace } from '@polis/lib/trace'

const HEADER = 'x-request-id'

// What comes from a peer lands in log lines, so it must look like an id.
const REQUEST_ID = /^[\w.:-]{1,128}$/

/** Headers that carry the request id of whoever asks now; none when there is no request. */
export function requestIdHeaders(): Record<string, string> {
  const requestId = currentRequestId()
  return requestId === undefined ? {} : { [HEADER]: requestId }
}

/** Runs `work` as part of the request that the caller's headers name. */
export function withRequestIdOf<T>(headers: Headers, work: () => T): T {
  const requestId = headers.get(HEADER)
  if (requestId === null || !REQUEST_ID.test(requestId)) return work()
  return withTrace({ requestId }, work)
}

/**
 * The items of a stream, each made as part of the request that the caller's headers name. When `signal` aborts, the
 * stream is ended from here: whoever waits to write to a connection that died never asks for another item.
 */
export async function* streamWithRequestIdOf<T>(
  headers: Headers,
  signal: AbortSignal,
  open: () => AsyncIterable<T>,
): AsyncGenerator<T, void, undefined> {
  const iterator = withRequestIdOf(headers, () => open()[Symbol.asyncIterator]())
  const end = (): void => {
    // Why it ended is known; what it throws now concerns nobody.
    void iterator.return?.().then(undefined, () => undefined)
  }
  signal.addEventListener('abort', end, { once: true })
  try {
    for (;;) {
      // A generator's body runs in the context of whoever asks for its next item.
      const next = await withRequestIdOf(headers, () => iterator.next())
      if (next.done === true) return
      yield next.value
    }
  } finally {
    signal.removeEventListener('abort', end)
    await iterator.return?.()
  }
}
