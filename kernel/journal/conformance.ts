import { getEventListeners } from 'node:events'
import { TestClock } from '@polis/lib/test-clock'
import type { Clock } from '@polis/lib/clock'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  LEVELS,
  MAX_APPEND_BYTES,
  MAX_APPEND_RECORDS,
  MAX_QUERY_RECORDS,
  type Journal,
  type JournalFilter,
  type JournalRecord,
  type NewRecord,
} from './journal.ts'

const DAY_MS = 86_400_000

/** The contract of `Journal`, sat by every adapter. `open` gives a new, empty one each time. */
export function journalConformance(name: string, open: (clock: Clock) => Promise<Journal>): void {
  describe(`${name}: journal conformance`, () => {
    let journal: Journal
    let clock: TestClock
    let over: AbortController
    beforeEach(async () => {
      clock = new TestClock()
      over = new AbortController()
      journal = await open(clock)
    })
    afterEach(async () => {
      over.abort()
      await journal.close()
    })

    const say = (message: string, more: Partial<NewRecord> = {}): NewRecord => ({
      at: clock.now(),
      type: 'test',
      level: 'info',
      message,
      fields: {},
      ...more,
    })

    describe('records', () => {
      it('come back as they were told, numbered in order', async () => {
        const full: NewRecord = {
          at: new Date('2026-03-01T12:00:00.123Z'),
          type: 'operation.step',
          level: 'error',
          message: 'ä€😀',
          requestId: 'r',
          operationId: 'o',
          project: 'p',
          objectUid: 'u',
          objectKind: 'Volume',
          actor: 'alice',
          fields: { nested: { list: [1, null, 'x'] } },
        }
        const [first, second] = await journal.append([full, say('plain')])
        const [third] = await journal.append([say('later')])
        expect([first, second, third].map((record) => record?.id)).toEqual([1, 2, 3])
        const all = await journal.query({})
        expect(all).toEqual([first, second, third])
        expect(all[0]).toEqual({ ...full, id: 1 })
        expect(all[1]).toEqual({ ...say('plain'), id: 2 })
        expect(await journal.append([])).toEqual([])
      })

      it('are taken all or none', async () => {
        const many = Array.from({ length: MAX_APPEND_RECORDS }, (_, n) => say(String(n)))
        expect(await journal.append(many)).toHaveLength(MAX_APPEND_RECORDS)
        const refusal = { code: 'InvalidArgument' }
        await expect(journal.append([...many, say('one more')])).rejects.toMatchObject(refusal)
        const big = [say('small'), say('x'.repeat(MAX_APPEND_BYTES))]
        await expect(journal.append(big)).rejects.toMatchObject(refusal)
        const [last] = await journal.query({ order: 'newest-first', limit: 1 })
        expect(last?.id).toBe(MAX_APPEND_RECORDS)
      })
    })

    describe('queries', () => {
      it('go both ways, from and to ids and times', async () => {
        for (let n = 1; n <= 10; n += 1) {
          await journal.append([say(String(n))])
          clock.advance(1000)
        }
        const ids = async (query: Parameters<Journal['query']>[0]): Promise<readonly number[]> =>
          (await journal.query(query)).map(({ id }) => id)
        expect(await ids({ after: 3, before: 7 })).toEqual([4, 5, 6])
        expect(await ids({ before: 7, order: 'newest-first', limit: 2 })).toEqual([6, 5])
        const [third] = await journal.query({ after: 2, limit: 1 })
        const [sixth] = await journal.query({ after: 5, limit: 1 })
        if (third === undefined || sixth === undefined) throw new Error('records are missing')
        expect(await ids({ since: third.at, until: sixth.at })).toEqual([3, 4, 5])
        expect(await ids({ after: 10 })).toEqual([])
        for (const limit of [0, 1.5, MAX_QUERY_RECORDS + 1]) {
          const refusal = { code: 'InvalidArgument', path: 'limit' }
          await expect(journal.query({ limit })).rejects.toMatchObject(refusal)
        }
      })

      it('find types by themselves and by their family', async () => {
        for (const type of ['audit', 'audit.token', 'audit.token.made', 'auditor', 'build.log']) {
          await journal.append([say(type, { type })])
        }
        const typesOf = async (filter: JournalFilter): Promise<readonly string[]> =>
          (await journal.query(filter)).map(({ type }) => type)
        expect(await typesOf({ type: 'audit' })).toEqual(['audit'])
        expect(await typesOf({ type: 'audit.' })).toEqual(['audit.token', 'audit.token.made'])
        expect(await typesOf({ type: 'audit.token.' })).toEqual(['audit.token.made'])
      })

      it('give large records in more pages, and all of them', async () => {
        for (let n = 0; n < 15; n += 1) await journal.append([say('x'.repeat(800_000))])
        let after = 0
        const pages: number[] = []
        for (;;) {
          const page = await journal.query({ after })
          const last = page.at(-1)
          if (last === undefined) break
          pages.push(page.length)
          after = last.id
        }
        expect(pages.length).toBeGreaterThan(1)
        expect(pages.reduce((sum, n) => sum + n, 0)).toBe(15)
      })

      const part = fc.constantFrom('a', 'b', 'c')
      const record = fc.record(
        {
          type: fc.constantFrom('x', 'x.y', 'x.z', 'z'),
          level: fc.constantFrom(...LEVELS),
          requestId: part,
          operationId: part,
          objectUid: part,
          project: part,
        },
        { requiredKeys: ['type', 'level'] },
      )
      const filter: fc.Arbitrary<JournalFilter> = fc.record(
        {
          requestId: part,
          operationId: part,
          objectUid: part,
          project: fc.oneof(part, fc.array(part, { maxLength: 3 })),
          type: fc.constantFrom('x', 'x.', 'z'),
        },
        { requiredKeys: [] },
      )

      function isWanted(each: JournalRecord, wanted: JournalFilter): boolean {
        return Object.entries(wanted).every(([key, value]) => {
          const has = new Map<string, unknown>(Object.entries(each)).get(key)
          if (key === 'type' && value === 'x.') return has === 'x.y' || has === 'x.z'
          return Array.isArray(value) ? value.includes(has) : has === value
        })
      }

      it('find what a plain look at every record finds', { timeout: 60_000 }, async () => {
        await fc.assert(
          fc.asyncProperty(
            fc.array(record, { maxLength: 20 }),
            fc.array(filter, { maxLength: 10 }),
            async (records, filters) => {
              const before = (await journal.query({ order: 'newest-first', limit: 1 }))[0]?.id ?? 0
              const made = await journal.append(records.map((each) => say('random', each)))
              for (const wanted of filters) {
                const expected = made.filter((each) => isWanted(each, wanted))
                expect(await journal.query({ ...wanted, after: before })).toEqual(expected)
                const newest = await journal.query({
                  ...wanted,
                  after: before,
                  order: 'newest-first',
                  limit: 3,
                })
                expect(newest).toEqual(expected.toReversed().slice(0, 3))
              }
            },
          ),
          { numRuns: 40 },
        )
      })
    })

    describe('watches', () => {
      async function take(
        options: Parameters<Journal['watch']>[0],
        count: number,
      ): Promise<readonly string[]> {
        const taken: string[] = []
        for await (const { message } of journal.watch(options, over.signal)) {
          if (taken.push(message) === count) break
        }
        return taken
      }

      it('give what was kept, then what comes, once each', { timeout: 30_000 }, async () => {
        const filter = { operationId: 'mine' }
        const appendOne = (n: number): Promise<unknown> =>
          journal.append([
            say(String(n), { operationId: 'mine' }),
            say('noise', { operationId: 'other' }),
            say('noise'),
          ])
        const total = 2000
        const watching = [take({ after: 0, filter }, total)]
        for (let n = 0; n < total; n += 1) {
          if (n % 10 === 0) await appendOne(n)
          else void appendOne(n)
          if (n % 600 === 300) watching.push(take({ after: 0, filter }, total))
        }
        const expected = Array.from({ length: total }, (_, n) => String(n))
        for (const taken of watching) expect(await taken).toEqual(expected)
      })

      it('start, without an id, from the moment they were asked for', async () => {
        await journal.append([say('before')])
        const watching = journal.watch({}, over.signal)
        await journal.append([say('after')])
        const next = await watching[Symbol.asyncIterator]().next()
        expect(next.value).toMatchObject({ message: 'after' })
      })

      it('end with the reason of their signal and leave nothing on it', async () => {
        const reason = new Error('enough')
        const stop = new AbortController()
        const watch = (): Promise<unknown> =>
          journal.watch({}, stop.signal)[Symbol.asyncIterator]().next()
        const ended = Promise.all(
          [watch(), watch()].map((each) => expect(each).rejects.toBe(reason)),
        )
        stop.abort(reason)
        await ended
        expect(getEventListeners(stop.signal, 'abort')).toEqual([])
        const future = journal.watch({ after: 1 }, over.signal)[Symbol.asyncIterator]()
        await expect(future.next()).rejects.toMatchObject({ code: 'InvalidArgument' })
      })
    })

    describe('retention', () => {
      it('goes by age and by number, and never gives an id again', async () => {
        for (let n = 0; n < 5; n += 1) {
          await journal.append(Array.from({ length: 600 }, () => say(`day ${n}`)))
          clock.advance(DAY_MS)
        }
        expect(await journal.prune({})).toBe(0)
        expect(await journal.prune({ keepMs: 3 * DAY_MS })).toBe(1200)
        expect(await journal.prune({ keepMs: 3 * DAY_MS })).toBe(0)
        expect((await journal.query({ limit: 1 }))[0]).toMatchObject({ id: 1201, message: 'day 2' })
        expect(await journal.prune({ maxRecords: 700 })).toBe(1100)
        expect((await journal.query({ limit: 1 }))[0]?.id).toBe(2301)
        expect(await journal.prune({ maxRecords: 0 })).toBe(700)
        expect(await journal.query({})).toEqual([])
        expect((await journal.append([say('new')]))[0]?.id).toBe(3001)
        const watching = journal.watch({ after: 0 }, over.signal)[Symbol.asyncIterator]()
        expect((await watching.next()).value).toMatchObject({ id: 3001 })
      })
    })

    it('refuses everything once closed, and closing again is quiet', async () => {
      const refusal = { code: 'Unavailable' }
      const watching = journal.watch({}, over.signal)[Symbol.asyncIterator]().next()
      await Promise.all([expect(watching).rejects.toMatchObject(refusal), journal.close()])
      await journal.close()
      await expect(journal.append([say('late')])).rejects.toMatchObject(refusal)
      await expect(journal.query({})).rejects.toMatchObject(refusal)
      await expect(journal.prune({})).rejects.toMatchObject(refusal)
    })
  })
}
