import { describe, expect, test } from 'vitest'
import type { Clock } from './clock.ts'
import { systemClock } from './system-clock.ts'
import { TestClock } from './test-clock.ts'

const { signal } = new AbortController()

test('both times move by what is asked, and only then', () => {
  const clock = new TestClock(new Date('2026-02-28T23:59:59Z'))
  clock.advance(1_500)
  expect(clock.now().toISOString()).toBe('2026-03-01T00:00:00.500Z')
  expect(clock.monotonicMs()).toBe(1_500)
})

test('sleepers wake in the order of their times, none too early', async () => {
  const clock = new TestClock()
  const woken: number[] = []
  const sleeping = [300, 100, 200].map(async (delayMs) => {
    await clock.sleep(delayMs, signal)
    woken.push(delayMs)
  })
  clock.advance(99)
  await Promise.resolve()
  expect(woken).toEqual([])
  clock.advance(101)
  await Promise.all(sleeping.slice(1))
  expect(woken).toEqual([100, 200])
  clock.advance(100)
  await Promise.all(sleeping)
  expect(woken).toEqual([100, 200, 300])
})

// What tests rely on must be what programs get.
describe.each<[string, Clock]>([
  ['the test clock', new TestClock()],
  ['the system clock', systemClock],
])('%s', (_, clock) => {
  test('an abort ends a sleep with its reason', async () => {
    const abort = new AbortController()
    const sleeping = clock.sleep(600_000, abort.signal)
    abort.abort(new Error('enough'))
    await expect(sleeping).rejects.toThrow('enough')
  })

  test('nobody falls asleep under a signal that has aborted', async () => {
    await expect(clock.sleep(600_000, AbortSignal.abort(new Error('over')))).rejects.toThrow('over')
  })
})
