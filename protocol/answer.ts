// What every method of ours that is called from afar has around it: the caller's request id, and errors that travel.
import type { HandlerContext } from '@connectrpc/connect'
import { toConnectError } from './errors.ts'
import { streamWithRequestIdOf, withRequestIdOf } from './request-id.ts'

export async function answer<T>(
  { requestHeader }: HandlerContext,
  doing: string,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await withRequestIdOf(requestHeader, work)
  } catch (thrown) {
    throw toConnectError(thrown, doing)
  }
}

export async function* answerWithStream<T>(
  { requestHeader, signal }: HandlerContext,
  doing: string,
  open: () => AsyncIterable<T>,
): AsyncGenerator<T, void, undefined> {
  try {
    yield* streamWithRequestIdOf(requestHeader, signal, open)
  } catch (thrown) {
    throw toConnectError(thrown, doing)
  }
}
