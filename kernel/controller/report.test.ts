import { PolisError } from '@polis/lib/error'
import { TestClock } from '@polis/lib/test-clock'
import type { User } from '@polis/resources/user'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isIntentNews } from './news.ts'
import { canonical, failure, isSame, readiness } from './report.ts'

const user: User = {
  kind: 'User',
  metadata: { uid: 'u', name: 'alice', generation: 3, createdAt: '' },
  spec: { isBlocked: false },
  status: { observedGeneration: 2, conditions: [] },
  revision: 7,
}
const READY = { status: 'True', reason: 'Written', message: '' } as const

describe('readiness', () => {
  test('speaks of the generation that was looked at', () => {
    const clock = new TestClock()
    expect(readiness(user, READY, clock)).toEqual({
      type: 'status',
      before: user,
      status: {
        observedGeneration: 3,
        conditions: [{ type: 'Ready', ...READY, since: clock.now().toISOString() }],
      },
    })
  })

  test('is no change when the object says so already', () => {
    const clock = new TestClock()
    const change = readiness(user, READY, clock)
    if (change?.type !== 'status') throw new Error('a change of status was expected')
    clock.advance(60_000)
    expect(readiness({ ...user, status: change.status }, READY, clock)).toBeUndefined()
  })

  test('says what a person can do about an error', () => {
    const error = new PolisError('AlreadyExists', 'port 80 is taken', { hint: 'choose another' })
    expect(failure(error)).toEqual({
      status: 'False',
      reason: 'AlreadyExists',
      message: 'port 80 is taken',
      remedy: 'choose another',
    })
    expect(failure(new PolisError('Internal', 'x'))).not.toHaveProperty('remedy')
  })
})

test('equal values are the same, whatever the order of their members; others are not', () => {
  expect(isSame({ a: 1, b: { c: [1, 2], d: undefined } }, { b: { c: [1, 2] }, a: 1 })).toBe(true)
  expect(isSame([1, 2], [2, 1])).toBe(false)
  expect(isSame({ a: 1 }, { a: '1' })).toBe(false)
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect(canonical(reversed(value))).toBe(canonical(value))
      expect(JSON.parse(canonical(value))).toEqual(JSON.parse(JSON.stringify(value)))
    }),
  )
})

test('news of intent are a new object, a new spec, a wish for removal and the end', () => {
  const { metadata, status } = user
  const looked = { ...user, status: { ...status, observedGeneration: 3 } }
  const changed = { ...user, metadata: { ...metadata, generation: 4 } }
  const leaving = { ...user, metadata: { ...metadata, deletionRequestedAt: 'now' } }
  expect(isIntentNews({ before: undefined, after: user })).toBe(true)
  expect(isIntentNews({ before: user, after: changed })).toBe(true)
  expect(isIntentNews({ before: user, after: leaving })).toBe(true)
  expect(isIntentNews({ before: leaving, after: user })).toBe(true)
  expect(isIntentNews({ before: user, after: undefined })).toBe(true)
  expect(isIntentNews({ before: user, after: looked })).toBe(false)
})

/** The same value with the members of its objects the other way round. */
function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .toReversed()
      .map(([key, member]) => [key, reversed(member)]),
  )
}
