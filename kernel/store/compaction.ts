import { causeChain } from '@polis/lib/error'
import type { Clock } from '@polis/lib/clock'
import type { Logger } from '@polis/lib/logger'
import type { Store } from './store.ts'

export interface CompactionDeps {
  readonly store: Store
  readonly clock: Clock
  readonly logger: Logger
  /** For how long, at least, a watch can resume and a page go on; at most twice that. */
  readonly keepMs: number
}

/**
 * Keeps history from growing for ever: each `keepMs`, forgets what was there the time before, as Kubernetes does with
 * etcd. Runs until the signal aborts, and rejects with its reason then; a failure is logged and tried again.
 */
export async function runCompaction(deps: CompactionDeps, signal: AbortSignal): Promise<never> {
  const { store, clock, logger, keepMs } = deps
  let before = 0
  for (;;) {
    try {
      const now = await store.revision()
      await store.compact(before)
      before = now
    } catch (error) {
      logger.warn('could not compact the store yet', { why: causeChain(error) })
    }
    await clock.sleep(keepMs, signal)
  }
}
