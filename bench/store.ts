// The store on SQLite with many writers, against how often the same disk can sync at all.
import { measureStore, type StoreMeasurement } from '@polis/kernel/store/measure'
import { openSqliteStore } from '@polis/kernel/store/sqlite'
import { silentLogger } from '@polis/lib/logger'
import { systemClock } from '@polis/lib/system-clock'
import { measureFsyncRate } from './measure/fsync-rate.ts'
import { type Row, toRow } from './measure/row.ts'
import { median } from './measure/statistics.ts'
import { TemporaryFolder } from './measure/temporary-folder.ts'

const RUNS = 5
const WRITERS = 64
const WANTED_PER_SECOND = 5000

export async function measure(): Promise<readonly Row[]> {
  await using folder = await TemporaryFolder.make()
  const fsyncRates = [measureFsyncRate(folder.path)]
  const runs: StoreMeasurement[] = []
  for (let run = 0; run < RUNS; run += 1) {
    const file = folder.file(`store-${run}.db`)
    const store = await openSqliteStore({ file, clock: systemClock, logger: silentLogger })
    runs.push(await measureStore(store, { writers: WRITERS }))
    await store.close()
    fsyncRates.push(measureFsyncRate(folder.path))
  }
  const fsyncRate = median(fsyncRates)
  // Writers share syncs, but each waits for its own: no more of them can be answered than stand in line at each.
  const allowed = fsyncRate * WRITERS
  return [
    toRow({
      name: `transactions a second, ${WRITERS} writers`,
      value: median(runs.map(({ transactionsPerSecond }) => transactionsPerSecond)),
      unit: '1/s',
      peer: { name: 'syncs a second of the same disk', value: fsyncRate },
      target: { atLeast: Math.min(WANTED_PER_SECOND, allowed) },
    }),
    toRow({
      name: 'event-loop delay p99 meanwhile',
      value: median(runs.map(({ eventLoopDelayP99Ms }) => eventLoopDelayP99Ms)),
      unit: 'ms',
      target: { atMost: 10 },
    }),
    toRow({
      name: 'watch event after commit, p99',
      value: median(runs.map(({ watchLatencyP99Ms }) => watchLatencyP99Ms)),
      unit: 'ms',
      target: { atMost: 5 },
    }),
  ]
}
