import { describe, expect, it } from 'vitest'
import type { Sitting } from './conformance.ts'
import type { Page, Store } from './store.ts'

/** Every entry under `prefix`, read page by page in one snapshot. */
export async function readAll(store: Store, prefix: string, limit = 100): Promise<Page> {
  let page = await store.list(prefix, { limit })
  const entries = [...page.entries]
  while (page.cursor !== undefined) {
    page = await store.list(prefix, { limit, cursor: page.cursor })
    entries.push(...page.entries)
  }
  return { entries, revision: page.revision }
}

export function listConformance(sit: () => Sitting): void {
  describe('lists', () => {
    it('orders by key and keeps to the prefix', async () => {
      const { store } = sit()
      const keys = ['a', 'a-', 'a/1', 'a/1/x', 'a/10', 'a/2', 'a/~', 'a0', 'b/1', 'A/1']
      for (const key of keys) await store.transact({ writes: [{ put: key, value: key }] })
      const under = async (prefix: string): Promise<readonly string[]> =>
        (await store.list(prefix)).entries.map(({ key }) => key)
      expect(await under('a/')).toEqual(['a/1', 'a/1/x', 'a/10', 'a/2', 'a/~'])
      expect(await under('a/1/')).toEqual(['a/1/x'])
      expect(await under('c/')).toEqual([])
      expect(await under('')).toEqual(keys.toSorted())
    })

    it('pages through one snapshot while others write', async () => {
      const { store } = sit()
      for (let n = 0; n < 25; n += 1) {
        await store.transact({ writes: [{ put: `k/${String(n).padStart(2, '0')}`, value: n }] })
      }
      const before = await store.list('k/')
      let page = await store.list('k/', { limit: 7 })
      const seen = [...page.entries]
      for (let n = 0; page.cursor !== undefined; n += 1) {
        await store.transact({
          writes: [
            { remove: `k/${String(24 - n).padStart(2, '0')}` },
            { put: `k/${String(23 - n).padStart(2, '0')}`, value: 'changed' },
            { put: `k/15-${n}`, value: 'new' },
          ],
        })
        // As an API's client would bring it back.
        const cursor = { after: page.cursor.after, at: Number(page.cursor.at) }
        page = await store.list('k/', { limit: 7, cursor })
        seen.push(...page.entries)
        expect(page.revision).toBe(before.revision)
      }
      expect(seen).toEqual(before.entries)
      const rest = await store.list('k/', { cursor: { after: 'k/15-0' } })
      expect(rest.entries[0]).toMatchObject({ key: 'k/15-1', value: 'new' })
      expect(rest.revision).toBe(await store.revision())
    })

    it('gives big values in more pages, and all of them', async () => {
      const { store } = sit()
      const value = 'x'.repeat(400_000)
      for (let n = 0; n < 15; n += 1) await store.transact({ writes: [{ put: `big/${n}`, value }] })
      expect((await readAll(store, 'big/')).entries).toHaveLength(15)
    })

    it('refuses pages of no or too many entries', async () => {
      const { store } = sit()
      for (const limit of [0, -1, 1.5, 1001]) {
        const refusal = { code: 'InvalidArgument', path: 'limit' }
        await expect(store.list('', { limit })).rejects.toMatchObject(refusal)
      }
    })
  })
}
