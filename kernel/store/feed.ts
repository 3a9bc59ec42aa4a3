import { PolisError } from '@polis/lib/error'

export interface FeedOptions<T> {
  /** The position of the last item there is; later ones are published. */
  readonly head: number
  readonly positionOf: (item: T) => number
  readonly sizeOf: (item: T) => number
}

export interface FollowOptions<T> {
  /** Exclusive. */
  readonly after: number
  readonly matches: (item: T) => boolean
  /** Matching items after a position from where they are kept for good, as far as was looked (`upTo`). */
  readonly read: (after: number) => Promise<{ readonly items: readonly T[]; readonly upTo: number }>
}

interface Follower<T> {
  readonly matches: (item: T) => boolean
  after: number
  wake: () => void
}

/** The newest items stay in memory up to this size; who lags further behind reads from where they are kept. */
const RECENT_BYTES = 1024 * 1024
const RECENT_ITEMS = 4096
const SLICE_ITEMS = 256

/**
 * Numbered items for any number of followers, each at its own pace. A follower pulls: it owns a position, not a
 * queue, so a slow one costs nothing and delays nobody.
 */
export class Feed<T> {
  readonly #options: FeedOptions<T>
  readonly #waiting = new Set<Follower<T>>()
  #recent: T[] = []
  #recentBytes = 0
  /** Everything after this position is in #recent. */
  #recentBase: number
  #head: number
  #end: PolisError | undefined

  constructor(options: FeedOptions<T>) {
    this.#options = options
    this.#head = options.head
    this.#recentBase = options.head
  }

  get head(): number {
    return this.#head
  }

  /** Followers that wait for more: what a cancelled one must not leave behind. */
  get waiting(): number {
    return this.#waiting.size
  }

  /** Makes `items`, ordered and all after the head, known to those who follow. */
  publish(items: readonly T[]): void {
    const last = items.at(-1)
    if (last === undefined) return
    this.#head = this.#options.positionOf(last)
    for (const item of items) {
      this.#recent.push(item)
      this.#recentBytes += this.#options.sizeOf(item)
    }
    this.#trim()
    for (const follower of this.#waiting) {
      if (items.some(follower.matches)) {
        // Out of the list at once: it runs later, and what comes until then must not move it past these items.
        this.#waiting.delete(follower)
        follower.wake()
      } else {
        follower.after = this.#head
      }
    }
  }

  /** Drops what is in memory: items were removed from where they are kept. */
  forgetRecent(): void {
    this.#recent = []
    this.#recentBytes = 0
    this.#recentBase = this.#head
  }

  /** Ends all who follow, now and later, with `error`. */
  close(error: PolisError): void {
    this.#end ??= error
    for (const follower of this.#waiting) follower.wake()
  }

  /** Matching items in order, exactly once; throws the signal's reason, the feed's end, or what `read` throws. */
  async *follow(options: FollowOptions<T>, signal: AbortSignal): AsyncGenerator<T, never> {
    const { after, matches, read } = options
    const follower: Follower<T> = { after, matches, wake: () => undefined }
    for (;;) {
      signal.throwIfAborted()
      if (this.#end !== undefined) throw this.#end
      if (follower.after >= this.#head) {
        await this.#growth(follower, signal)
        continue
      }
      const slice = this.#recentAfter(follower.after) ?? (await read(follower.after))
      for (const item of slice.items) {
        if (!matches(item)) continue
        yield item
        signal.throwIfAborted()
      }
      follower.after = slice.upTo
    }
  }

  /** Resolves when there may be more, or it is time to look at the signal or the end. */
  async #growth(follower: Follower<T>, signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const wake = (): void => resolve()
    follower.wake = wake
    this.#waiting.add(follower)
    signal.addEventListener('abort', wake, { once: true })
    try {
      await promise
    } finally {
      signal.removeEventListener('abort', wake)
      this.#waiting.delete(follower)
    }
  }

  #recentAfter(after: number): { items: readonly T[]; upTo: number } | undefined {
    if (after < this.#recentBase) return undefined
    const { positionOf } = this.#options
    let low = 0
    let high = this.#recent.length
    while (low < high) {
      const middle = (low + high) >> 1
      const item = this.#recent[middle]
      if (item !== undefined && positionOf(item) <= after) low = middle + 1
      else high = middle
    }
    const items = this.#recent.slice(low, low + SLICE_ITEMS)
    const last = items.at(-1)
    return { items, upTo: last === undefined ? this.#head : positionOf(last) }
  }

  /** Drops the older half when full, so that dropping costs each item once. */
  #trim(): void {
    const { positionOf, sizeOf } = this.#options
    while (this.#recentBytes > RECENT_BYTES || this.#recent.length > RECENT_ITEMS) {
      const dropped = this.#recent.splice(0, Math.ceil(this.#recent.length / 2))
      for (const item of dropped) this.#recentBytes -= sizeOf(item)
      const last = dropped.at(-1)
      if (last !== undefined) this.#recentBase = positionOf(last)
    }
  }
}

/** What a closed store or journal answers. */
export function closedError(what: string): PolisError {
  return new PolisError('Unavailable', `the ${what} is closed`)
}
