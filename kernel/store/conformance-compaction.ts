import { describe, expect, it } from 'vitest'
import type { Sitting } from './conformance.ts'
import { readAll } from './conformance-lists.ts'
import { take } from './conformance-watch.ts'
import { CompactedError } from './store.ts'

export function compactionConformance(sit: () => Sitting): void {
  describe('compaction', () => {
    /** Ten revisions: a and b rewritten in turn, c made at 3 and removed at 6, d made at 1 and never touched. */
    async function write(): Promise<void> {
      const { store } = sit()
      for (let n = 1; n <= 10; n += 1) {
        await store.transact({
          writes: [
            { put: n % 2 === 0 ? 'a' : 'b', value: n },
            ...(n === 1 ? [{ put: 'd', value: 'kept' }] : []),
            ...(n === 3 ? [{ put: 'c', value: n }] : []),
            ...(n === 6 ? [{ remove: 'c' }] : []),
          ],
        })
      }
    }

    it('keeps the present and what comes after the revision', async () => {
      const { store, signal } = sit()
      await write()
      const before = await readAll(store, '')
      const at7 = await store.list('', { cursor: { after: '!', at: 7 } })
      await store.compact(7)
      await store.compact(7)
      await store.compact(3)
      expect(await readAll(store, '')).toEqual(before)
      expect(await store.list('', { cursor: { after: '!', at: 7 } })).toEqual(at7)
      const batches = await take(
        store.watch({ prefix: '', from: 7 }, signal),
        ({ length }) => length === 3,
      )
      expect(batches.map(({ revision }) => revision)).toEqual([8, 9, 10])
      expect(batches[0]?.changes[0]).toMatchObject({ previous: { value: 6, revision: 6 } })
      await store.compact(10)
      expect(await readAll(store, '')).toEqual(before)
    })

    it('reads any snapshot that is left', async () => {
      const { store } = sit()
      await write()
      const keysAt = async (at: number): Promise<readonly string[]> => {
        const page = await store.list('', { cursor: { after: '!', at } })
        return page.entries.map(({ key, value }) => `${key}=${JSON.stringify(value)}`)
      }
      expect(await keysAt(1)).toEqual(['b=1', 'd="kept"'])
      expect(await keysAt(5)).toEqual(['a=4', 'b=5', 'c=3', 'd="kept"'])
      await store.compact(5)
      expect(await keysAt(5)).toEqual(['a=4', 'b=5', 'c=3', 'd="kept"'])
      expect(await keysAt(6)).toEqual(['a=6', 'b=5', 'd="kept"'])
      expect(await keysAt(10)).toEqual(['a=10', 'b=9', 'd="kept"'])
      await expect(keysAt(4)).rejects.toBeInstanceOf(CompactedError)
      await expect(keysAt(11)).rejects.toMatchObject({ code: 'InvalidArgument' })
    })

    it('tells a watch or a page that comes too late, distinctly', async () => {
      const { store, signal } = sit()
      await write()
      const page = await store.list('', { limit: 1 })
      await store.transact({ writes: [{ put: 'a', value: 11 }] })
      await store.compact(11)
      const late = store.watch({ prefix: '', from: 10 }, signal)[Symbol.asyncIterator]().next()
      const refusal = { code: 'FailedPrecondition', path: 'compacted', compactedRevision: 11 }
      await expect(late).rejects.toMatchObject(refusal)
      await expect(late).rejects.toBeInstanceOf(CompactedError)
      const next = store.list('', { cursor: page.cursor })
      await expect(next).rejects.toMatchObject(refusal)
      await expect(next).rejects.toBeInstanceOf(CompactedError)
    })

    it('cannot forget what has not happened', async () => {
      await expect(sit().store.compact(1)).rejects.toMatchObject({ code: 'InvalidArgument' })
    })

    it('leaves a watch that keeps up alone', async () => {
      const { store, signal } = sit()
      const watching = take(store.watch({ prefix: 'a/' }, signal), ({ length }) => length === 2)
      for (let n = 1; n <= 20; n += 1) {
        const { revision } = await store.transact({
          writes: [{ put: n % 10 === 0 ? 'a/x' : 'b/x', value: n }],
        })
        await store.compact(revision)
      }
      expect((await watching).map(({ revision }) => revision)).toEqual([10, 20])
    })
  })
}
