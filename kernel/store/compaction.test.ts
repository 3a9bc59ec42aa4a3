import { setImmediate as turn } from 'node:timers/promises'
import { silentLogger } from '@polis/lib/logger'
import { TestClock } from '@polis/lib/test-clock'
import { until } from '@polis/lib/until'
import { expect, it } from 'vitest'
import { runCompaction } from './compaction.ts'
import { openMemoryStore } from './memory-store.ts'

it('forgets history after a while, and not before', async () => {
  const clock = new TestClock()
  const store = openMemoryStore({ clock })
  const stop = new AbortController()
  const deps = { store, clock, logger: silentLogger, keepMs: 1000 }
  const running = runCompaction(deps, stop.signal).catch((error: unknown) => error)
  const resume = async (from: number): Promise<unknown> =>
    (await store.watch({ prefix: '', from }, stop.signal)[Symbol.asyncIterator]().next()).value
  for (let n = 1; n <= 3; n += 1) await store.transact({ writes: [{ put: 'a', value: n }] })
  clock.advance(1000)
  await turn() // the loop takes its step between the writes
  for (let n = 4; n <= 6; n += 1) await store.transact({ writes: [{ put: 'a', value: n }] })
  expect(await resume(0)).toMatchObject({ revision: 1 })
  clock.advance(1000)
  await until(
    () =>
      resume(0).then(
        () => false,
        () => true,
      ),
    { deadlineMs: 5000, what: 'compaction' },
  )
  expect(await resume(3)).toMatchObject({ revision: 4 })
  stop.abort(new Error('over'))
  expect(await running).toMatchObject({ message: 'over' })
  await store.close()
})
