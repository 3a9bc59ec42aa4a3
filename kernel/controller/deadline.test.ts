import { systemClock } from '@polis/lib/system-clock'
import { TestClock } from '@polis/lib/test-clock'
import { setImmediate } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { Deadline } from './deadline.ts'

const { signal: never } = new AbortController()

test('time that is up aborts, and says so', async () => {
  const clock = new TestClock()
  using deadline = new Deadline(clock, 100, never)
  clock.advance(99)
  await setImmediate()
  expect(deadline.signal.aborted).toBe(false)
  clock.advance(1)
  await setImmediate()
  expect(deadline.signal.reason).toMatchObject({ code: 'DeadlineExceeded' })
})

test('a parent that aborts aborts it with its own reason, before as after', () => {
  const reason = new Error('stopping')
  const parent = new AbortController()
  using before = new Deadline(new TestClock(), 100, parent.signal)
  expect(before.signal.aborted).toBe(false)
  parent.abort(reason)
  expect(before.signal.reason).toBe(reason)
  using after = new Deadline(new TestClock(), 100, parent.signal)
  expect(after.signal.reason).toBe(reason)
})

test('work that is done hears neither of its parent nor of the time any more', async () => {
  const clock = new TestClock()
  const parent = new AbortController()
  const deadline = new Deadline(clock, 100, parent.signal)
  deadline[Symbol.dispose]()
  clock.advance(1_000)
  parent.abort()
  await setImmediate()
  expect(deadline.signal.aborted).toBe(false)
})

test('nothing is kept of work that is done', async () => {
  const collected = new Set<number>()
  const registry = new FinalizationRegistry<number>((n) => collected.add(n))
  for (let n = 0; n < 100; n += 1) {
    using deadline = new Deadline(systemClock, 600_000, never)
    const listener = (): void => undefined
    deadline.signal.addEventListener('abort', listener)
    registry.register(listener, n)
  }
  collectGarbage()
  for (let turn = 0; turn < 20 && collected.size < 90; turn += 1) {
    await setImmediate()
    collectGarbage()
  }
  expect(collected.size).toBeGreaterThanOrEqual(90)
})

function collectGarbage(): void {
  setFlagsFromString('--expose-gc')
  const collect: unknown = runInNewContext('gc')
  if (typeof collect === 'function') collect()
}
