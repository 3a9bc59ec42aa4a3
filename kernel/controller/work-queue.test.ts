import { TestClock } from '@polis/lib/test-clock'
import fc from 'fast-check'
import { setImmediate } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { WorkQueue } from './work-queue.ts'

function newQueue(): { queue: WorkQueue; clock: TestClock; stop: () => void } {
  const clock = new TestClock()
  const abort = new AbortController()
  const stop = (): void => abort.abort()
  onTestFinished(stop)
  return { queue: new WorkQueue(clock, abort.signal), clock, stop }
}

/** Lets everything run that needs no time to pass. */
async function settled(): Promise<void> {
  await setImmediate()
  await setImmediate()
}

/** What a taker has got so far. */
function taking(queue: WorkQueue): { taken: (string | undefined)[] } {
  const taken: (string | undefined)[] = []
  void queue.take().then((key) => taken.push(key))
  return { taken }
}

test('keys are taken in the order in which they were added first, each once', async () => {
  const { queue } = newQueue()
  for (const key of ['a', 'b', 'a', 'a', 'c']) queue.add(key)
  expect([await queue.take(), await queue.take(), await queue.take()]).toEqual(['a', 'b', 'c'])
  const { taken } = taking(queue)
  await settled()
  expect(taken).toEqual([])
})

test('a key that is held is not given out again before it is done, then once', async () => {
  const { queue } = newQueue()
  queue.add('a')
  await queue.take()
  queue.add('a')
  queue.add('a')
  const { taken } = taking(queue)
  await settled()
  expect(taken).toEqual([])
  queue.done('a')
  await settled()
  expect(taken).toEqual(['a'])
  queue.done('a')
  const rest = taking(queue)
  await settled()
  expect(rest.taken).toEqual([])
})

test('others do not wait for a key that is held', async () => {
  const { queue } = newQueue()
  queue.add('a')
  await queue.take()
  queue.add('a')
  queue.add('b')
  expect(await queue.take()).toBe('b')
})

test('whoever waits is woken, one for each key', async () => {
  const { queue } = newQueue()
  const waiting = [taking(queue), taking(queue), taking(queue)]
  await settled()
  queue.add('a')
  queue.add('b')
  await settled()
  expect(waiting.map(({ taken }) => taken)).toEqual([['a'], ['b'], []])
})

test('a delayed key comes when its time has come', async () => {
  const { queue, clock } = newQueue()
  const { taken } = taking(queue)
  queue.addAfter('a', 100)
  clock.advance(99)
  await settled()
  expect(taken).toEqual([])
  clock.advance(1)
  await settled()
  expect(taken).toEqual(['a'])
})

test('a key that is added before its time comes at once, and not again', async () => {
  const { queue, clock } = newQueue()
  queue.addAfter('a', 100)
  queue.add('a')
  expect(await queue.take()).toBe('a')
  queue.done('a')
  clock.advance(1_000)
  const { taken } = taking(queue)
  await settled()
  expect(taken).toEqual([])
})

test('of two delays of a key the later given holds, longer or shorter', async () => {
  const { queue, clock } = newQueue()
  const { taken } = taking(queue)
  queue.addAfter('a', 100)
  queue.addAfter('a', 300)
  clock.advance(299)
  await settled()
  expect(taken).toEqual([])
  clock.advance(1)
  await settled()
  expect(taken).toEqual(['a'])
  queue.done('a')
  const next = taking(queue)
  queue.addAfter('a', 300)
  queue.addAfter('a', 100)
  clock.advance(100)
  await settled()
  expect(next.taken).toEqual(['a'])
})

test('a key that is queued already comes once, whatever delay is asked for besides', async () => {
  const { queue, clock } = newQueue()
  queue.add('a')
  queue.addAfter('a', 100)
  expect(await queue.take()).toBe('a')
  queue.done('a')
  clock.advance(1_000)
  const { taken } = taking(queue)
  await settled()
  expect(taken).toEqual([])
})

test('a delay that ends while its key is held comes after', async () => {
  const { queue, clock } = newQueue()
  queue.add('a')
  await queue.take()
  queue.addAfter('a', 100)
  clock.advance(100)
  await settled()
  const { taken } = taking(queue)
  await settled()
  expect(taken).toEqual([])
  queue.done('a')
  await settled()
  expect(taken).toEqual(['a'])
})

test('an end lets everybody go, and gives nothing out any more', async () => {
  const { queue, clock, stop } = newQueue()
  const waiting = [taking(queue), taking(queue)]
  queue.addAfter('a', 100)
  await settled()
  stop()
  clock.advance(1_000)
  queue.add('b')
  await settled()
  expect(waiting.map(({ taken }) => taken)).toEqual([[undefined], [undefined]])
  expect(await queue.take()).toBeUndefined()
})

test('with any number of workers no key is held twice, and none that was added is forgotten', async () => {
  const key = fc.constantFrom('a', 'b', 'c')
  const action = fc.oneof(
    fc.record({ do: fc.constant('add'), key }),
    fc.record({ do: fc.constant('addAfter'), key }),
    fc.record({ do: fc.constant('advance'), key }),
    fc.record({ do: fc.constant('finish'), key }),
  )
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 4 }), fc.array(action), async (workers, actions) => {
      const { queue, clock, stop } = newQueue()
      const held = new Map<string, () => void>()
      const owed = new Set<string>()
      const work = async (): Promise<void> => {
        for (let taken = await queue.take(); taken !== undefined; taken = await queue.take()) {
          expect(held.has(taken)).toBe(false)
          owed.delete(taken)
          const mine = taken
          await new Promise<void>((finish) => held.set(mine, finish))
          held.delete(mine)
          queue.done(mine)
        }
      }
      const working = Array.from({ length: workers }, () => work())
      for (const { do: what, key: about } of actions) {
        if (what === 'add') {
          owed.add(about)
          queue.add(about)
        } else if (what === 'addAfter') {
          owed.add(about)
          queue.addAfter(about, 50)
        } else if (what === 'advance') clock.advance(20)
        else held.get(about)?.()
        await settled()
      }
      for (let round = 0; round < 4; round += 1) {
        clock.advance(50)
        await settled()
        for (const finish of held.values()) finish()
        await settled()
      }
      expect([...owed]).toEqual([])
      stop()
      for (const finish of held.values()) finish()
      await Promise.all(working)
    }),
    { numRuns: 60 },
  )
})
