import { PolisError } from '@polis/lib/error'
import { describe, expect, it } from 'vitest'
import type { Sitting } from './conformance.ts'
import { MAX_OPERATIONS, MAX_TRANSACTION_BYTES, type Transaction } from './store.ts'

/** Asks again as long as somebody else was faster. */
async function persist<T>(attempt: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await attempt()
    } catch (error) {
      if (!(error instanceof PolisError) || error.code !== 'Aborted') throw error
    }
  }
}

export function transactionConformance(sit: () => Sitting): void {
  describe('entries and revisions', () => {
    it('gives what was put, with the revisions of its making and its last change', async () => {
      const { store } = sit()
      const made = await store.transact({ writes: [{ put: 'a/b', value: { text: 'ä€😀\u0000' } }] })
      const first = await store.get('a/b')
      const { revision } = made
      const value = { text: 'ä€😀\u0000' }
      expect(first).toEqual({ key: 'a/b', value, revision, createRevision: revision })

      const changed = await store.transact({ writes: [{ put: 'a/b', value: [1, null, true] }] })
      expect(changed.revision).toBe(revision + 1)
      expect(await store.find('a/b')).toEqual({
        key: 'a/b',
        value: [1, null, true],
        revision: revision + 1,
        createRevision: revision,
      })
    })

    it('forgets a removed key, and a key made again is a new one', async () => {
      const { store } = sit()
      await store.transact({ writes: [{ put: 'a', value: 1 }] })
      await store.transact({ writes: [{ remove: 'a' }] })
      expect(await store.find('a')).toBeUndefined()
      await expect(store.get('a')).rejects.toMatchObject({ code: 'NotFound', path: 'a' })
      const { revision } = await store.transact({ writes: [{ put: 'a', value: 1 }] })
      expect(await store.get('a')).toMatchObject({ revision, createRevision: revision })
    })

    it('raises the revision by one for what changes something, and only then', async () => {
      const { store } = sit()
      expect(await store.revision()).toBe(0)
      const both = await store.transact({
        writes: [
          { put: 'a', value: 1 },
          { put: 'b', value: 1 },
        ],
      })
      expect(both.revision).toBe(1)
      expect(await store.transact({ writes: [{ remove: 'absent' }] })).toEqual({ revision: 1 })
      expect(
        await store.transact({ preconditions: [{ key: 'a', is: 'present' }], writes: [] }),
      ).toEqual({ revision: 1 })
      expect(await store.revision()).toBe(1)
      // The same value again is a change: someone may have asked for it to be announced.
      expect(await store.transact({ writes: [{ put: 'a', value: 1 }] })).toEqual({ revision: 2 })
    })
  })

  describe('preconditions', () => {
    it('lists every one that does not hold, and changes nothing', async () => {
      const { store } = sit()
      const { revision } = await store.transact({ writes: [{ put: 'have/x', value: 1 }] })
      const transaction: Transaction = {
        preconditions: [
          { key: 'have/x', is: 'present' },
          { key: 'have/x', is: 'absent' },
          { key: 'lack', is: 'present' },
          { key: 'have/x', revision: revision + 7 },
          { key: 'lack', revision },
          { prefix: 'have/', is: 'empty' },
        ],
        writes: [{ put: 'made', value: 1 }, { remove: 'have/x' }],
      }
      const refused = await store.transact(transaction).catch((error: unknown) => error)
      if (!(refused instanceof PolisError)) throw new Error('it went through')
      expect(refused.code).toBe('Aborted')
      expect(refused.path).toBe('have/x')
      const paths = refused.problems.map(({ path }) => path)
      expect(paths).toEqual(['have/x', 'lack', 'have/x', 'lack', 'have/'])
      expect(await store.revision()).toBe(revision)
      expect((await store.list('')).entries.map(({ key }) => key)).toEqual(['have/x'])
    })

    it('lets through what holds, looking at the state before the writes', async () => {
      const { store } = sit()
      const { revision } = await store.transact({ writes: [{ put: 'a/b', value: 1 }] })
      await store.transact({
        preconditions: [
          { key: 'a/b', is: 'present' },
          { key: 'a/b', revision },
          { key: 'a', is: 'absent' },
          { prefix: 'a/b/', is: 'empty' },
        ],
        writes: [{ put: 'a', value: 2 }, { remove: 'a/b' }, { put: 'a/b/c', value: 3 }],
      })
      expect((await store.list('')).entries.map(({ key }) => key)).toEqual(['a', 'a/b/c'])
    })

    it('gives a unique claim to one of many', async () => {
      const { store } = sit()
      const claims = Array.from({ length: 20 }, (_, n) =>
        store.transact({
          preconditions: [{ key: 'domain/example.org', is: 'absent' }],
          writes: [
            { put: 'domain/example.org', value: n },
            { put: `winner/${n}`, value: null },
          ],
        }),
      )
      const outcomes = await Promise.allSettled(claims)
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
      for (const outcome of outcomes) {
        if (outcome.status === 'fulfilled') continue
        expect(outcome.reason).toMatchObject({ code: 'Aborted', path: 'domain/example.org' })
      }
      const owner = (await store.get('domain/example.org')).value
      const winners = (await store.list('winner/')).entries.map(({ key }) => key)
      expect(winners).toEqual([`winner/${JSON.stringify(owner)}`])
    })

    it('never removes what is referenced, whoever comes first', async () => {
      const { store } = sit()
      for (let round = 0; round < 30; round += 1) {
        const volume = `volume/${round}`
        const references = `volume-reference/${round}/`
        await store.transact({ writes: [{ put: volume, value: null }] })
        const refer = store.transact({
          preconditions: [{ key: volume, is: 'present' }],
          writes: [{ put: `${references}service`, value: null }],
        })
        const remove = store.transact({
          preconditions: [{ prefix: references, is: 'empty' }],
          writes: [{ remove: volume }],
        })
        const raced = await Promise.allSettled(round % 2 === 0 ? [refer, remove] : [remove, refer])
        expect(raced.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
        const isReferenced = (await store.list(references)).entries.length > 0
        expect((await store.find(volume)) !== undefined).toBe(isReferenced)
      }
      await store.transact({ writes: [{ remove: 'volume-reference/0/service' }] })
      await store.transact({
        preconditions: [{ prefix: 'volume-reference/0/', is: 'empty' }],
        writes: [{ remove: 'volume/0' }],
      })
    })

    it('loses no update of many who compare and set', async () => {
      const { store } = sit()
      await store.transact({ writes: [{ put: 'count', value: 0 }] })
      const increment = async (): Promise<unknown> => {
        const { value, revision } = await store.get('count')
        return store.transact({
          preconditions: [{ key: 'count', revision }],
          writes: [{ put: 'count', value: Number(value) + 1 }],
        })
      }
      await Promise.all(Array.from({ length: 20 }, () => persist(increment)))
      expect((await store.get('count')).value).toBe(20)
    })
  })

  describe('limits', () => {
    const puts = (count: number): Transaction => ({
      writes: Array.from({ length: count }, (_, n) => ({ put: `key/${n}`, value: n })),
    })

    it('takes the largest transaction there is, and none larger', async () => {
      const { store } = sit()
      await store.transact(puts(MAX_OPERATIONS))
      const preconditions = [{ key: 'key/0', is: 'present' } as const]
      for (const tooMany of [
        puts(MAX_OPERATIONS + 1),
        { ...puts(MAX_OPERATIONS), preconditions },
      ]) {
        await expect(store.transact(tooMany)).rejects.toMatchObject({ code: 'InvalidArgument' })
      }
      expect(await store.revision()).toBe(1)
    })

    it('counts bytes, not characters', async () => {
      const { store } = sit()
      // A euro sign takes three bytes; the key takes one and the value's quotation marks two.
      const characters = Math.floor((MAX_TRANSACTION_BYTES - 3) / 3)
      await store.transact({ writes: [{ put: 'k', value: '€'.repeat(characters) }] })
      const tooLong = { put: 'k', value: '€'.repeat(characters + 1) }
      await expect(store.transact({ writes: [tooLong] })).rejects.toMatchObject({
        code: 'InvalidArgument',
      })
      expect((await store.get('k')).value).toHaveLength(characters)
    })

    it('writes a key only once in a transaction', async () => {
      const { store } = sit()
      const writes = [{ put: 'k', value: 1 }, { remove: 'k' }]
      await expect(store.transact({ writes })).rejects.toMatchObject({
        code: 'InvalidArgument',
        path: 'k',
      })
      expect(await store.find('k')).toBeUndefined()
    })

    it('refuses what is no key', async () => {
      const { store } = sit()
      const refusal = { code: 'InvalidArgument' }
      const wrong = ['', '/', '/a', 'a/', 'a//b', 'a b', 'a\n', 'ä', 'a\u0000', 'a'.repeat(513)]
      for (const key of wrong) {
        const put = store.transact({ writes: [{ put: key, value: 1 }] })
        await expect(put).rejects.toMatchObject(refusal)
        await expect(store.find(key)).rejects.toMatchObject(refusal)
        const check = store.transact({ preconditions: [{ key, is: 'absent' }], writes: [] })
        await expect(check).rejects.toMatchObject(refusal)
      }
      expect(await store.revision()).toBe(0)
    })

    it('refuses what is no prefix', async () => {
      const { store, signal } = sit()
      const refusal = { code: 'InvalidArgument' }
      for (const prefix of ['a', 'ab', '/', 'a//', 'ä/', ' /']) {
        await expect(store.list(prefix)).rejects.toMatchObject(refusal)
        const check = store.transact({ preconditions: [{ prefix, is: 'empty' }], writes: [] })
        await expect(check).rejects.toMatchObject(refusal)
        const watching = store.watch({ prefix }, signal)[Symbol.asyncIterator]()
        await expect(watching.next()).rejects.toMatchObject(refusal)
      }
    })
  })
}
