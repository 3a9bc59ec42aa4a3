import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { currentRequestId, withTrace } from './trace.ts'

async function idAfterAWhile(): Promise<string | undefined> {
  await setImmediate()
  return currentRequestId()
}

test('everything awaited below belongs to its trace, side by side with another', async () => {
  const [a, b] = await Promise.all([
    withTrace({ requestId: 'a' }, idAfterAWhile),
    withTrace({ requestId: 'b' }, idAfterAWhile),
  ])
  expect([a, b]).toEqual(['a', 'b'])
})

test('an inner trace holds inside only, and outside there is none', () => {
  const seen = withTrace({ requestId: 'outer' }, () => {
    const inner = withTrace({ requestId: 'inner' }, currentRequestId)
    return [inner, currentRequestId()]
  })
  expect(seen).toEqual(['inner', 'outer'])
  expect(currentRequestId()).toBeUndefined()
})
