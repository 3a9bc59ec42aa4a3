import { PolisError } from '@polis/lib/error'

/**
 * The items of a source that waits for nobody, held for a reader that may be slower; at most `most` of them. A reader
 * that falls behind further is told to start over (Aborted), so that it costs the server no more memory than that.
 */
export async function* bounded<Item>(
  source: AsyncIterable<Item>,
  most: number,
): AsyncGenerator<Item, void, undefined> {
  const held: Item[] = []
  let end: { readonly error: unknown } | 'done' | undefined
  let wake = (): void => undefined
  const items = source[Symbol.asyncIterator]()
  const fill = async (): Promise<void> => {
    try {
      for (;;) {
        const next = await items.next()
        if (end !== undefined) return
        if (next.done === true) break
        held.push(next.value)
        wake()
        if (held.length > most) {
          held.length = 0
          const hint = 'read faster, or follow fewer kinds; then open the stream again'
          throw new PolisError('Aborted', 'the reader has fallen too far behind', { hint })
        }
      }
      end = 'done'
    } catch (error) {
      end = { error }
    }
    wake()
  }
  void fill()
  try {
    for (;;) {
      for (let item = held.shift(); item !== undefined; item = held.shift()) yield item
      if (end === 'done') return
      if (end !== undefined) throw end.error
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
  } finally {
    end ??= 'done'
    items.return?.().catch(() => undefined)
  }
}
