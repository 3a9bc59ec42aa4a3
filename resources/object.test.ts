import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Condition, findCondition, isReady, withCondition } from './object.ts'

const earlier = new Date('2026-01-01T00:00:00Z')
const later = new Date('2026-01-02T00:00:00Z')

function condition(type: string, status: Condition['status']): Omit<Condition, 'since'> {
  return { type, status, reason: 'Because', message: '' }
}

test('an object is ready when its controller has seen the newest spec and says so', () => {
  const metadata = { uid: 'u', name: 'n', generation: 2, createdAt: '' }
  const saying = (status: Condition['status']): Condition[] =>
    withCondition([], condition('Ready', status), earlier)
  const at = (observedGeneration: number, conditions: Condition[]): boolean =>
    isReady({ metadata, status: { observedGeneration, conditions } })
  expect(at(2, saying('True'))).toBe(true)
  expect(at(1, saying('True'))).toBe(false)
  expect(at(2, saying('False'))).toBe(false)
  expect(at(2, saying('Unknown'))).toBe(false)
  expect(at(2, [])).toBe(false)
})

test('since tells when the status became what it is, not when somebody looked last', () => {
  const first = withCondition([], condition('Ready', 'False'), earlier)
  const same = withCondition(first, { ...condition('Ready', 'False'), message: 'still' }, later)
  expect(same).toMatchObject([{ message: 'still', since: earlier.toISOString() }])
  const other = withCondition(same, condition('Ready', 'True'), later)
  expect(other).toMatchObject([{ status: 'True', since: later.toISOString() }])
})

test('there is one condition of each type, and the others stay', () => {
  const step = fc.record({
    type: fc.constantFrom('Ready', 'Routed', 'Connected'),
    status: fc.constantFrom('True', 'False', 'Unknown'),
  })
  fc.assert(
    fc.property(fc.array(step, { minLength: 1 }), (steps) => {
      let conditions: Condition[] = []
      for (const { type, status } of steps) {
        const before = conditions.filter((other) => other.type !== type)
        conditions = withCondition(conditions, condition(type, status), earlier)
        expect(conditions.filter((other) => other.type !== type)).toEqual(before)
        expect(findCondition({ observedGeneration: 0, conditions }, type)).toMatchObject({ status })
        expect(conditions.filter((other) => other.type === type)).toHaveLength(1)
      }
    }),
  )
})
