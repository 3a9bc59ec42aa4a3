import { getEventListeners } from 'node:events'
import { describe, expect, it } from 'vitest'
import type { Sitting } from './conformance.ts'
import { CompactedError, type ChangeBatch, type Store } from './store.ts'

const DEADLINE_MS = 30_000

/** Batches until `isEnough` says so. */
export async function take(
  batches: AsyncIterable<ChangeBatch>,
  isEnough: (taken: readonly ChangeBatch[]) => boolean,
): Promise<readonly ChangeBatch[]> {
  const taken: ChangeBatch[] = []
  for await (const batch of batches) {
    taken.push(batch)
    if (isEnough(taken)) break
  }
  return taken
}

async function write(store: Store, key: string, value: string | number): Promise<number> {
  return (await store.transact({ writes: [{ put: key, value }] })).revision
}

/** Writes so much that nothing before it can still be in memory for watchers. */
export async function bury(store: Store): Promise<void> {
  const value = 'x'.repeat(400_000)
  for (let n = 0; n < 8; n += 1) await write(store, 'filler', `${value}${n}`)
}

export function watchConformance(sit: () => Sitting): void {
  describe('watches', () => {
    it('gives each revision as one batch, with what was before', async () => {
      const { store, signal } = sit()
      await store.transact({
        writes: [
          { put: 'w/b', value: 1 },
          { put: 'w/a', value: 1 },
          { put: 'other', value: 1 },
        ],
      })
      await write(store, 'other', 2)
      await store.transact({ writes: [{ put: 'w/a', value: 2 }, { remove: 'w/b' }] })
      const a1 = { key: 'w/a', value: 1, revision: 1, createRevision: 1 }
      const b1 = { key: 'w/b', value: 1, revision: 1, createRevision: 1 }
      const a2 = { key: 'w/a', value: 2, revision: 3, createRevision: 1 }
      const expected = [
        {
          revision: 1,
          changes: [
            { type: 'put', entry: a1 },
            { type: 'put', entry: b1 },
          ],
        },
        {
          revision: 3,
          changes: [
            { type: 'put', entry: a2, previous: a1 },
            { type: 'remove', key: 'w/b', previous: b1 },
          ],
        },
      ]
      const two = (taken: readonly ChangeBatch[]): boolean => taken.length === 2
      expect(await take(store.watch({ prefix: 'w/', from: 0 }, signal), two)).toEqual(expected)
      await bury(store)
      expect(await take(store.watch({ prefix: 'w/', from: 0 }, signal), two)).toEqual(expected)
    })

    it('misses no change when others that do not concern it follow at once', async () => {
      const { store, signal } = sit()
      const rounds = 50
      const watching = take(
        store.watch({ prefix: 'w/' }, signal),
        (taken) => taken.length === rounds,
      )
      for (let round = 0; round < rounds; round += 1) {
        // The watcher has been woken by the first, but has not run yet, when the others are published.
        await Promise.all([
          write(store, 'w/a', round),
          write(store, 'other/a', round),
          write(store, 'other/b', round),
        ])
      }
      const values = (await watching).flatMap(({ changes }) =>
        changes.map((change) => (change.type === 'put' ? change.entry.value : undefined)),
      )
      expect(values).toEqual(Array.from({ length: rounds }, (_, round) => round))
    })

    it('starts, without a revision, from the moment it was asked for', async () => {
      const { store, signal } = sit()
      await write(store, 'a', 1)
      const watch = store.watch({ prefix: '' }, signal)
      const second = await write(store, 'a', 2)
      const [batch] = await take(watch, ({ length }) => length === 1)
      expect(batch?.revision).toBe(second)
    })

    it('resumes after any revision', async () => {
      const { store, signal } = sit()
      for (let n = 1; n <= 20; n += 1) await write(store, `k/${n % 3}`, n)
      for (const from of [0, 7, 19]) {
        const batches = await take(
          store.watch({ prefix: '', from }, signal),
          (taken) => taken.at(-1)?.revision === 20,
        )
        expect(batches.map(({ revision }) => revision)).toEqual(
          Array.from({ length: 20 - from }, (_, n) => from + n + 1),
        )
      }
    })

    it('refuses a revision that does not exist yet', async () => {
      const { store, signal } = sit()
      const watching = store.watch({ prefix: '', from: 1 }, signal)[Symbol.asyncIterator]()
      await expect(watching.next()).rejects.toMatchObject({ code: 'InvalidArgument' })
    })

    it(
      'neither loses nor doubles a change while 10,000 keys are written',
      { timeout: DEADLINE_MS },
      async () => {
        const { store, signal } = sit()
        const transactions = 1000
        const isLast = (taken: readonly ChangeBatch[]): boolean =>
          taken.at(-1)?.revision === transactions
        const watchers = [take(store.watch({ prefix: 'k/' }, signal), isLast)]
        const writes: Promise<unknown>[] = []
        for (let n = 0; n < transactions; n += 1) {
          const keys = Array.from({ length: 10 }, (_, key) => ({ put: `k/${n}/${key}`, value: n }))
          writes.push(store.transact({ writes: keys }))
          if (n % 250 !== 125) continue
          // Some join in the middle and catch up with all that was; writers go on meanwhile.
          watchers.push(take(store.watch({ prefix: 'k/', from: 0 }, signal), isLast))
          await writes.at(-3)
        }
        await Promise.all(writes)
        const expected = Array.from({ length: transactions }, (_, n) => n + 1)
        for (const batches of await Promise.all(watchers)) {
          expect(batches.map(({ revision }) => revision)).toEqual(expected)
          const keys = batches.flatMap(({ changes }) =>
            changes.map((change) => (change.type === 'put' ? change.entry.key : '')),
          )
          expect(new Set(keys).size).toBe(10_000)
          expect(keys).toHaveLength(10_000)
        }
      },
    )

    it('ends with the reason of its signal and leaves nothing on it', async () => {
      const { store } = sit()
      const reason = new Error('enough')
      const stop = new AbortController()
      const waiting = Array.from({ length: 50 }, () =>
        store.watch({ prefix: 'a/' }, stop.signal)[Symbol.asyncIterator]().next(),
      )
      await write(store, 'b', 1)
      stop.abort(reason)
      for (const ended of waiting) await expect(ended).rejects.toBe(reason)
      expect(getEventListeners(stop.signal, 'abort')).toEqual([])
      const late = store.watch({ prefix: '' }, stop.signal)[Symbol.asyncIterator]()
      await expect(late.next()).rejects.toBe(reason)
    })

    it('leaves nothing behind when its loop is left', async () => {
      const { store, signal } = sit()
      const before = getEventListeners(signal, 'abort').length
      const taken = take(store.watch({ prefix: '' }, signal), ({ length }) => length === 2)
      await write(store, 'a', 1)
      await write(store, 'a', 2)
      await taken
      expect(getEventListeners(signal, 'abort')).toHaveLength(before)
    })

    it(
      'holds up no writer for a slow reader, who misses nothing or is told so',
      { timeout: DEADLINE_MS },
      async () => {
        const { store, signal } = sit()
        const slow = store.watch({ prefix: '' }, signal)[Symbol.asyncIterator]()
        await write(store, 'first', 1)
        expect((await slow.next()).value).toMatchObject({ revision: 1 })
        // Far more than any adapter may keep in memory for one reader.
        const value = 'x'.repeat(200_000)
        for (let n = 0; n < 100; n += 1) await write(store, `k/${n % 5}`, value)
        expect((await slow.next()).value).toMatchObject({ revision: 2 })
        await store.compact(90)
        const seen: number[] = []
        const readOn = async (): Promise<void> => {
          for (let next = await slow.next(); next.done !== true; next = await slow.next()) {
            seen.push(next.value.revision)
            if (next.value.revision === 101) return
          }
        }
        await expect(readOn()).rejects.toBeInstanceOf(CompactedError)
        expect(seen).toEqual(seen.map((_, n) => n + 3))
        expect(seen.length).toBeLessThan(87)
        const page = await store.list('')
        const resumed = take(store.watch({ prefix: '', from: page.revision }, signal), () => true)
        const next = await write(store, 'more', 1)
        expect((await resumed)[0]?.revision).toBe(next)
      },
    )
  })
}
