import { PolisError, toPolisError } from '@polis/lib/error'
import type { ApiContext } from './context.ts'
import { watchRights } from './watch-rights.ts'

/**
 * A stream that lasts as long as its caller's rights: it fails with Unauthenticated when the user is blocked or the
 * token no longer holds, and with Aborted when the user's roles change, so that whoever may still look opens it
 * again. Leaving it ends the source at once, also while that is being waited for.
 */
export function guardedStream<Item>(
  context: ApiContext,
  open: (signal: AbortSignal) => AsyncIterable<Item>,
): AsyncIterableIterator<Item> {
  const end = new AbortController()
  end.signal.addEventListener('abort', context.streamOpened(), { once: true })
  watchRights(context, (error) => fail(error), end.signal)
  let failure: PolisError | undefined
  const fail = (error: unknown): void => {
    failure ??= toPolisError(error, 'follow')
    end.abort(error)
  }
  const onClosing = (): void => fail(new PolisError('Unavailable', 'the server is stopping'))
  context.closing.addEventListener('abort', onClosing, { signal: end.signal })
  const items = open(end.signal)[Symbol.asyncIterator]()
  const ended = new Promise<undefined>((resolve) => {
    end.signal.addEventListener('abort', () => resolve(undefined))
  })
  // Asked for at once, so that the source listens from the moment the caller is told that it does.
  let asked: Promise<IteratorResult<Item> | undefined> | undefined = ask()
  function ask(): Promise<IteratorResult<Item> | undefined> {
    const next = items.next().catch((error: unknown) => {
      if (!end.signal.aborted) fail(error)
      return undefined
    })
    return Promise.race([next, ended])
  }
  return {
    next: async () => {
      const result = await (asked ?? ask())
      asked = undefined
      if (result?.done === false) return result
      end.abort()
      if (failure !== undefined) throw failure
      return { done: true, value: undefined }
    },
    return: async () => {
      end.abort()
      // The source ends by its signal; what it says about that is nobody's business any more.
      items.return?.().catch(() => undefined)
      return { done: true, value: undefined }
    },
    [Symbol.asyncIterator]() {
      return this
    },
  }
}
