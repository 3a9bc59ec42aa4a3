// Random histories against a model that is too plain to be wrong.
import { PolisError } from '@polis/lib/error'
import { TestClock } from '@polis/lib/test-clock'
import type { Json } from '@polis/lib/json'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { StoreExam } from './conformance.ts'
import { readAll } from './conformance-lists.ts'
import { bury, take } from './conformance-watch.ts'
import type { Entry, Precondition, Store, Transaction, Write } from './store.ts'

type Model = Map<string, Entry>

const KEYS = ['a', 'a/b', 'a/b/c', 'a/d', 'ab', 'b/c'] as const
const PREFIXES = ['', 'a/', 'a/b/', 'b/'] as const

const key = fc.constantFrom(...KEYS)
/** A revision cannot be foretold; `lag` counts from the key's own one, 0 being right. */
type Wish = Precondition | { readonly key: string; readonly lag: number }
const wish: fc.Arbitrary<Wish> = fc.oneof(
  fc.record({ key, is: fc.constantFrom('absent' as const, 'present' as const) }),
  fc.record({ key, lag: fc.constantFrom(0, 0, 1) }),
  fc.record({ prefix: fc.constantFrom(...PREFIXES), is: fc.constant('empty' as const) }),
)
const value = fc.jsonValue({ maxDepth: 1 }).map((json): Json => JSON.parse(JSON.stringify(json)))
const write: fc.Arbitrary<Write> = fc.oneof(
  fc.record({ put: key, value }),
  fc.record({ remove: key }),
)
const plan = fc.record({
  wishes: fc.array(wish, { maxLength: 2 }),
  writes: fc.uniqueArray(write, {
    maxLength: 4,
    selector: (each) => ('put' in each ? each.put : each.remove),
  }),
})

function toTransaction(
  wanted: typeof plan extends fc.Arbitrary<infer T> ? T : never,
  model: Model,
  under: string,
): Transaction {
  const preconditions = wanted.wishes.map((each): Precondition => {
    if ('prefix' in each) return { ...each, prefix: under + each.prefix }
    const full = under + each.key
    if ('lag' in each) return { key: full, revision: (model.get(full)?.revision ?? 0) + each.lag }
    return { ...each, key: full }
  })
  const writes = wanted.writes.map((each): Write =>
    'put' in each ? { ...each, put: under + each.put } : { remove: under + each.remove },
  )
  return { preconditions, writes }
}

function holds(precondition: Precondition, model: Model): boolean {
  if ('prefix' in precondition)
    return ![...model.keys()].some((k) => k.startsWith(precondition.prefix))
  const entry = model.get(precondition.key)
  if ('revision' in precondition) return entry?.revision === precondition.revision
  return (precondition.is === 'present') === (entry !== undefined)
}

function apply(transaction: Transaction, model: Model, revision: number): void {
  for (const each of transaction.writes) {
    if ('remove' in each) model.delete(each.remove)
    else {
      const createRevision = model.get(each.put)?.createRevision ?? revision
      model.set(each.put, { key: each.put, value: each.value, revision, createRevision })
    }
  }
}

function isChange(transaction: Transaction, model: Model): boolean {
  return transaction.writes.some((each) => 'put' in each || model.has(each.remove))
}

function pathOf(precondition: Precondition): string {
  return 'prefix' in precondition ? precondition.prefix : precondition.key
}

/** The revision, or what was found not to hold. */
async function outcomeOf(store: Store, transaction: Transaction): Promise<unknown> {
  try {
    return await store.transact(transaction)
  } catch (error) {
    if (!(error instanceof PolisError) || error.code !== 'Aborted') throw error
    return { broken: error.problems.map(({ path }) => path) }
  }
}

function sorted(model: Model): readonly Entry[] {
  return [...model.values()].toSorted((a, b) => (a.key < b.key ? -1 : 1))
}

/** The state that the changes after `from` lead to, starting from nothing. */
async function replay(store: Store, prefix: string, from: number): Promise<Model> {
  const model: Model = new Map()
  const end = await store.transact({ writes: [{ put: `${prefix}end`, value: null }] })
  const signal = new AbortController().signal
  const batches = await take(
    store.watch({ prefix, from }, signal),
    (taken) => taken.at(-1)?.revision === end.revision,
  )
  for (const change of batches.flatMap(({ changes }) => changes)) {
    const changed = change.type === 'put' ? change.entry.key : change.key
    expect(change.previous).toEqual(model.get(changed))
    if (change.type === 'put') model.set(changed, change.entry)
    else model.delete(changed)
  }
  model.delete(`${prefix}end`)
  return model
}

export function randomConformance(exam: StoreExam): void {
  describe('random histories', () => {
    let store: Store
    let runs = 0
    beforeEach(async () => {
      store = await exam.open(new TestClock())
    })
    afterEach(() => store.close())

    it('does what the model does, one after the other', { timeout: 60_000 }, async () => {
      const past: { readonly under: string; readonly from: number; readonly model: Model }[] = []
      await fc.assert(
        fc.asyncProperty(fc.array(plan, { maxLength: 25 }), async (plans) => {
          const under = `run-${(runs += 1)}/`
          const from = await store.revision()
          const model: Model = new Map()
          for (const wanted of plans) {
            const transaction = toTransaction(wanted, model, under)
            const before = await store.revision()
            const broken = (transaction.preconditions ?? []).filter((each) => !holds(each, model))
            const revision = isChange(transaction, model) ? before + 1 : before
            expect(await outcomeOf(store, transaction)).toEqual(
              broken.length > 0 ? { broken: broken.map(pathOf) } : { revision },
            )
            if (broken.length === 0) apply(transaction, model, revision)
          }
          past.push({ under, from, model })
          expect((await readAll(store, under, 2)).entries).toEqual(sorted(model))
          expect(sorted(await replay(store, under, from))).toEqual(sorted(model))
        }),
        { numRuns: 60 },
      )
      await bury(store)
      for (const { under, from, model } of past) {
        expect(sorted(await replay(store, under, from))).toEqual(sorted(model))
      }
    })

    it(
      'lets those who race succeed only as if one after the other',
      { timeout: 60_000 },
      async () => {
        await fc.assert(
          fc.asyncProperty(fc.array(plan, { minLength: 2, maxLength: 40 }), async (plans) => {
            const under = `run-${(runs += 1)}/`
            const from = await store.revision()
            const transactions = plans
              .map((wanted) => toTransaction(wanted, new Map(), under))
              .filter(({ writes }) => writes.some((each) => 'put' in each))
            const outcomes = await Promise.allSettled(
              transactions.map((each) => store.transact(each)),
            )
            const model: Model = new Map()
            const done = transactions
              .map((transaction, n) => ({ transaction, outcome: outcomes[n] }))
              .flatMap(({ transaction, outcome }) =>
                outcome?.status === 'fulfilled'
                  ? [{ transaction, revision: outcome.value.revision }]
                  : [],
              )
              .toSorted((a, b) => a.revision - b.revision)
            for (const [n, { transaction, revision }] of done.entries()) {
              expect(revision).toBe(from + n + 1)
              expect((transaction.preconditions ?? []).every((each) => holds(each, model))).toBe(
                true,
              )
              apply(transaction, model, revision)
            }
            expect((await readAll(store, under)).entries).toEqual(sorted(model))
            expect(sorted(await replay(store, under, from))).toEqual(sorted(model))
          }),
          { numRuns: 60 },
        )
      },
    )
  })
}
