import { until } from '@polis/lib/until'
import { describe, expect, it } from 'vitest'
import type { Sitting } from './conformance.ts'
import { take } from './conformance-watch.ts'

const TTL_MS = 10_000

export function leaseConformance(sit: () => Sitting): void {
  const gone = (key: string): Promise<unknown> =>
    until(async () => (await sit().store.find(key)) === undefined, {
      deadlineMs: 5000,
      everyMs: 5,
      what: `${key} ends with its lease`,
    })

  describe('leases', () => {
    it('removes the keys of a lease that ended, in one revision, and no others', async () => {
      const { store, clock, signal } = sit()
      const lease = await store.leases.grant(TTL_MS)
      const other = await store.leases.grant(TTL_MS * 2)
      const { revision } = await store.transact({
        writes: [
          { put: 'leader', value: 'a', lease },
          { put: 'session/a', value: 'a', lease },
          { put: 'session/b', value: 'b', lease: other },
          { put: 'node', value: 'a' },
        ],
      })
      clock.advance(TTL_MS - 1)
      expect((await store.list('')).entries).toHaveLength(4)
      clock.advance(1)
      await gone('leader')
      const [batch] = await take(store.watch({ prefix: '', from: revision }, signal), () => true)
      expect(batch?.changes).toMatchObject([
        { type: 'remove', key: 'leader', previous: { value: 'a' } },
        { type: 'remove', key: 'session/a' },
      ])
      expect((await store.list('')).entries.map(({ key }) => key)).toEqual(['node', 'session/b'])
    })

    it('keeps a lease that is kept alive', async () => {
      const { store, clock } = sit()
      const lease = await store.leases.grant(TTL_MS)
      await store.transact({ writes: [{ put: 'leader', value: 'a', lease }] })
      for (let n = 0; n < 5; n += 1) {
        clock.advance(TTL_MS - 1)
        await store.leases.keepAlive(lease)
      }
      expect(await store.find('leader')).toBeDefined()
      clock.advance(TTL_MS)
      await gone('leader')
    })

    it('cannot revive, or write under, a lease that ended', async () => {
      const { store, clock } = sit()
      const lease = await store.leases.grant(TTL_MS)
      clock.advance(TTL_MS)
      const refusal = { code: 'NotFound', path: lease }
      const writes = [
        { put: 'free', value: 1 },
        { put: 'leader', value: 1, lease },
      ]
      // Its time is over at once, though removing its keys takes a moment.
      await expect(store.transact({ writes })).rejects.toMatchObject(refusal)
      await expect(store.leases.keepAlive(lease)).rejects.toMatchObject(refusal)
      expect(await store.find('free')).toBeUndefined()
      await expect(store.leases.keepAlive('unheard-of')).rejects.toMatchObject({ code: 'NotFound' })
    })

    it('revokes at once, and repeating that is quiet', async () => {
      const { store, clock } = sit()
      const lease = await store.leases.grant(TTL_MS)
      await store.transact({ writes: [{ put: 'leader', value: 'a', lease }] })
      const writes = [{ put: 'late', value: 1, lease }]
      await Promise.all([
        store.leases.revoke(lease),
        expect(store.transact({ writes })).rejects.toMatchObject({ code: 'NotFound', path: lease }),
      ])
      expect((await store.list('')).entries).toEqual([])
      const revision = await store.revision()
      await store.leases.revoke(lease)
      await expect(store.leases.keepAlive(lease)).rejects.toMatchObject({ code: 'NotFound' })
      await store.transact({ writes: [{ put: 'leader', value: 'b' }] })
      clock.advance(TTL_MS * 2)
      expect(await store.get('leader')).toMatchObject({ value: 'b', revision: revision + 1 })
    })

    it('attaches a key to the lease of its last put only', async () => {
      const { store, clock } = sit()
      const first = await store.leases.grant(TTL_MS)
      const second = await store.leases.grant(TTL_MS * 3)
      await store.transact({
        writes: ['freed', 'moved', 'held'].map((put) => ({ put, value: 1, lease: first })),
      })
      await store.transact({
        writes: [
          { put: 'freed', value: 2 },
          { put: 'moved', value: 2, lease: second },
        ],
      })
      clock.advance(TTL_MS)
      await gone('held')
      expect((await store.list('')).entries.map(({ key }) => key)).toEqual(['freed', 'moved'])
      clock.advance(TTL_MS * 2)
      await gone('moved')
      expect(await store.find('freed')).toBeDefined()
    })

    it('refuses a time that is none', async () => {
      for (const ttlMs of [0, -1, 0.5, Number.NaN]) {
        const refusal = { code: 'InvalidArgument' }
        await expect(sit().store.leases.grant(ttlMs)).rejects.toMatchObject(refusal)
      }
    })
  })
}
