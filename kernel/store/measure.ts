import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { Store } from './store.ts'

export interface StoreMeasurement {
  readonly transactionsPerSecond: number
  /** Of the asking process, while the writers write. */
  readonly eventLoopDelayP99Ms: number
  /** From a transaction's acknowledgement to the same change seen by a watcher; 0 when the watcher was first. */
  readonly watchLatencyP99Ms: number
}

export interface MeasureOptions {
  readonly writers?: number
  readonly durationMs?: number
}

const VALUE = { spec: { image: 'sha256:'.padEnd(71, 'a'), text: 'x'.repeat(400) }, status: {} }

/**
 * How fast `store` is with many writers, each waiting for one transaction (compare and set of one key of half a
 * KiB) before the next. Writes under `measure/` and removes that afterwards.
 */
export async function measureStore(
  store: Store,
  options: MeasureOptions = {},
): Promise<StoreMeasurement> {
  const { writers = 64, durationMs = 3000 } = options
  const acknowledgedAtMs = new Map<number, number>()
  const seenAtMs = new Map<number, number>()
  const stop = new AbortController()
  const watching = watchUntil(store, stop.signal, seenAtMs)
  const delay = monitorEventLoopDelay({ resolution: 1 })
  const startsAtMs = performance.now()
  delay.enable()
  await Promise.all(
    Array.from({ length: writers }, (_, writer) =>
      writeUntil(store, `measure/${writer}`, startsAtMs + durationMs, acknowledgedAtMs),
    ),
  )
  delay.disable()
  const seconds = (performance.now() - startsAtMs) / 1000
  stop.abort()
  await watching
  await clear(store, writers)
  const latencies = [...seenAtMs].map(([revision, seenMs]) =>
    Math.max(0, seenMs - (acknowledgedAtMs.get(revision) ?? seenMs)),
  )
  return {
    transactionsPerSecond: Math.round(acknowledgedAtMs.size / seconds),
    // The histogram counts its own timer's millisecond as delay.
    eventLoopDelayP99Ms: Math.max(0, delay.percentile(99) / 1e6 - 1),
    watchLatencyP99Ms: percentile(latencies, 0.99),
  }
}

async function writeUntil(
  store: Store,
  key: string,
  endsAtMs: number,
  acknowledgedAtMs: Map<number, number>,
): Promise<void> {
  let last: number | undefined
  for (let n = 0; performance.now() < endsAtMs; n += 1) {
    const { revision } = await store.transact({
      preconditions: [last === undefined ? { key, is: 'absent' } : { key, revision: last }],
      writes: [{ put: key, value: { ...VALUE, status: { observedGeneration: n } } }],
    })
    acknowledgedAtMs.set(revision, performance.now())
    last = revision
  }
}

async function watchUntil(
  store: Store,
  signal: AbortSignal,
  seenAtMs: Map<number, number>,
): Promise<void> {
  try {
    for await (const { revision } of store.watch({ prefix: 'measure/' }, signal)) {
      seenAtMs.set(revision, performance.now())
    }
  } catch (error) {
    if (!signal.aborted) throw error
  }
}

async function clear(store: Store, writers: number): Promise<void> {
  for (let writer = 0; writer < writers; writer += 1) {
    await store.transact({ writes: [{ remove: `measure/${writer}` }] })
  }
}

function percentile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length * part)] ?? 0
}
