import { describe, expect, it } from 'vitest'
import { closedError, Feed } from './feed.ts'

interface Item {
  readonly position: number
  readonly text: string
}

const item = (position: number, text = 'x'): Item => ({ position, text })

function newFeed(): Feed<Item> {
  return new Feed<Item>({
    head: 0,
    positionOf: ({ position }) => position,
    sizeOf: ({ text }) => text.length,
  })
}

describe('a feed', () => {
  it('keeps nothing of those who were cancelled, left, or outlived it', async () => {
    const feed = newFeed()
    const read = (): Promise<never> => Promise.reject(new Error('nothing is kept'))
    const stop = new AbortController()
    const follow = (signal: AbortSignal): AsyncGenerator<Item> =>
      feed.follow({ after: 0, matches: () => true, read }, signal)
    const cancelled = follow(stop.signal).next()
    const served = follow(new AbortController().signal)
    const first = served.next()
    const last = follow(new AbortController().signal).next()
    expect(feed.waiting).toBe(3)
    stop.abort(new Error('enough'))
    await expect(cancelled).rejects.toThrow('enough')
    expect(feed.waiting).toBe(2)
    feed.publish([item(1)])
    expect((await first).value).toEqual(item(1))
    await served.return(item(0))
    await last
    const more = follow(new AbortController().signal)
    await more.next()
    const ended = more.next()
    expect(feed.waiting).toBe(1)
    feed.close(closedError('feed'))
    await expect(ended).rejects.toMatchObject({ code: 'Unavailable' })
    expect(feed.waiting).toBe(0)
  })

  it('does not wake those whom nothing concerns, and takes them along', async () => {
    const feed = newFeed()
    const signal = AbortSignal.timeout(5000)
    const asked: number[] = []
    const read = async (after: number): Promise<{ items: Item[]; upTo: number }> => {
      asked.push(after)
      return { items: [], upTo: feed.head }
    }
    const matches = ({ text }: Item): boolean => text === 'mine'
    const next = feed.follow({ after: 0, matches, read }, signal).next()
    const large = 'y'.repeat(100_000)
    for (let n = 1; n <= 100; n += 1) feed.publish([item(n, large)])
    feed.publish([item(101, 'mine')])
    expect((await next).value).toEqual(item(101, 'mine'))
    // Ten times what stays in memory went by, and it never had to look further back.
    expect(asked).toEqual([])
  })

  it('sends those who lag to where items are kept, and those who lag after forgetting', async () => {
    const feed = newFeed()
    const signal = AbortSignal.timeout(5000)
    const asked: number[] = []
    const read = async (after: number): Promise<{ items: Item[]; upTo: number }> => {
      asked.push(after)
      return { items: [item(after + 1, 'kept')], upTo: after + 1 }
    }
    const large = 'y'.repeat(600_000)
    const following = feed.follow({ after: 0, matches: () => true, read }, signal)
    for (let n = 1; n <= 4; n += 1) feed.publish([item(n, large)])
    const texts: string[] = []
    for (let n = 1; n <= 4; n += 1) {
      const next = await following.next()
      texts.push(next.value.text.slice(0, 4))
    }
    expect(texts).toEqual(['kept', 'kept', 'kept', 'yyyy'])
    expect(asked).toEqual([0, 1, 2])
    feed.forgetRecent()
    const again = feed.follow({ after: 3, matches: () => true, read }, signal)
    expect((await again.next()).value).toEqual(item(4, 'kept'))
  })
})
