import { TestClock } from '@polis/lib/test-clock'
import type { Clock } from '@polis/lib/clock'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { compactionConformance } from './conformance-compaction.ts'
import { leaseConformance } from './conformance-leases.ts'
import { listConformance } from './conformance-lists.ts'
import { randomConformance } from './conformance-random.ts'
import { transactionConformance } from './conformance-transactions.ts'
import { watchConformance } from './conformance-watch.ts'
import type { Store } from './store.ts'

export interface StoreExam {
  /** A new, empty store. Whoever sits the exam removes what it left after `close`. */
  open(clock: Clock): Promise<Store>
}

/** One exam's store and time, made anew for each test. */
export interface Sitting {
  readonly store: Store
  readonly clock: TestClock
  /** Aborts when the test is over, so that nothing outlives it. */
  readonly signal: AbortSignal
}

/** The contract of `Store`, sat by every adapter. */
export function storeConformance(name: string, exam: StoreExam): void {
  describe(`${name}: store conformance`, () => {
    let sitting: Sitting & { readonly over: AbortController }
    beforeEach(async () => {
      const clock = new TestClock()
      const over = new AbortController()
      sitting = { store: await exam.open(clock), clock, over, signal: over.signal }
    })
    afterEach(async () => {
      sitting.over.abort()
      await sitting.store.close()
    })
    const sit = (): Sitting => sitting
    transactionConformance(sit)
    listConformance(sit)
    watchConformance(sit)
    compactionConformance(sit)
    leaseConformance(sit)
    randomConformance(exam)

    it('refuses everything once closed, and closing again is quiet', async () => {
      const { store, signal } = sitting
      const refusal = { code: 'Unavailable' }
      const watching = store.watch({ prefix: '' }, signal)[Symbol.asyncIterator]().next()
      await Promise.all([expect(watching).rejects.toMatchObject(refusal), store.close()])
      await store.close()
      await expect(store.find('a')).rejects.toMatchObject(refusal)
      await expect(store.list('')).rejects.toMatchObject(refusal)
      await expect(store.revision()).rejects.toMatchObject(refusal)
      await expect(store.transact({ writes: [] })).rejects.toMatchObject(refusal)
      await expect(store.leases.grant(1000)).rejects.toMatchObject(refusal)
    })
  })
}
