import type { Clock } from '@polis/lib/clock'

export interface BatchOptions {
  readonly clock: Clock
  /** How long a batch waits for more after its first item. */
  readonly withinMs: number
  readonly mostItems: number
  readonly signal: AbortSignal
}

/** The items in the order in which they come, those that come close together in one array. Never an empty one. */
export async function* inBatches<Item>(
  source: AsyncIterable<Item>,
  { clock, withinMs, mostItems, signal }: BatchOptions,
): AsyncGenerator<readonly Item[], void, undefined> {
  const items = source[Symbol.asyncIterator]()
  let asked = ask(items)
  try {
    for (;;) {
      const first = await asked
      if (first.done === true) return
      const batch = [first.value]
      asked = ask(items)
      const isOver = clock.sleep(withinMs, signal).catch(() => undefined)
      while (batch.length < mostItems) {
        const result = await Promise.race([asked, isOver])
        if (result === undefined || result.done === true) break
        batch.push(result.value)
        asked = ask(items)
      }
      yield batch
    }
  } finally {
    items.return?.().catch(() => undefined)
  }
}

/** Fails when it is awaited, not before: nobody may be listening while a batch is being read. */
function ask<Item>(items: AsyncIterator<Item>): Promise<IteratorResult<Item>> {
  const next = items.next()
  next.catch(() => undefined)
  return next
}
