import { backoffMs } from '@polis/lib/backoff'
import type { Clock } from '@polis/lib/clock'
import { causeChain, type PolisError, toPolisError } from '@polis/lib/error'
import type { Logger } from '@polis/lib/logger'
import { newUid } from '@polis/lib/uid'
import { withTrace } from '@polis/lib/trace'
import type { ObjectCache, ObjectEvent } from '../objects/object-cache.ts'
import { Deadline } from './deadline.ts'
import { WorkQueue } from './work-queue.ts'

export type Result =
  | { readonly kind: 'settled' }
  | { readonly kind: 'requeue'; readonly afterMs: number }

export const SETTLED: Result = { kind: 'settled' }

/** Drives the objects behind its keys towards their specs. */
export interface Reconciler {
  readonly name: string
  /** How many keys may be worked on at a time. */
  readonly concurrency: number
  /** How long a key rests after a look, so that a burst of events costs one more and not one each. Absent: not at all. */
  readonly restMs?: number
  /**
   * Keys to look at again because of an event: their own object's, or those that depend on it. Asked about every event
   * while the controller runs.
   */
  keysOf(event: ObjectEvent): readonly string[]
  /** Every key there is: looked at when the controller starts and at each resync. */
  allKeys(): readonly string[]
  /** Reads the whole object, never the event; safe to repeat; retries nothing by itself. */
  reconcile(key: string, signal: AbortSignal): Promise<Result>
  /** Writes what went wrong into the object's status, for people. Called for errors of reconcile, not for aborts. */
  report?(key: string, error: PolisError): Promise<void>
  /** The request that last changed what the key names, to follow it through logs and RPCs. */
  requestIdOf?(key: string): string | undefined
}

export interface ControllerDeps {
  readonly cache: ObjectCache
  readonly clock: Clock
  readonly logger: Logger
  /** In [0, 1): jitter. */
  readonly random: () => number
  readonly resyncMs: number
}

const BACKOFF = { firstMs: 200, maxMs: 30_000 }
/** One look at one object; long work (a build) has its own deadlines below this. */
const RECONCILE_DEADLINE_MS = 30 * 60_000

/** Runs one reconciler: queue, workers, backoff with jitter, resync. */
export class Controller {
  readonly #reconciler: Reconciler
  readonly #deps: ControllerDeps
  readonly #failures = new Map<string, number>()
  #queue: WorkQueue | undefined

  constructor(reconciler: Reconciler, deps: ControllerDeps) {
    this.#reconciler = reconciler
    this.#deps = deps
  }

  /** Works until the signal aborts; resolves when every worker has come to rest. */
  async run(signal: AbortSignal): Promise<void> {
    const queue = new WorkQueue(this.#deps.clock, signal)
    this.#queue = queue
    const unsubscribe = this.#deps.cache.subscribe((events) => {
      for (const event of events) {
        for (const key of this.#keysOf(event)) queue.add(key)
      }
    })
    try {
      const workers = Array.from({ length: this.#reconciler.concurrency }, () =>
        this.#work(queue, signal),
      )
      await Promise.all([this.#resync(queue, signal), ...workers])
    } finally {
      unsubscribe()
    }
  }

  /** Looks at the key again soon: for what happens outside the store. */
  enqueue(key: string): void {
    this.#queue?.add(key)
  }

  /** A mistake of one reconciler must not keep the event from the others; the resync makes up for it. */
  #keysOf(event: ObjectEvent): readonly string[] {
    try {
      return this.#reconciler.keysOf(event)
    } catch (thrown) {
      const { name } = this.#reconciler
      this.#deps.logger.error('event not understood', {
        controller: name,
        causes: causeChain(thrown),
      })
      return []
    }
  }

  async #resync(queue: WorkQueue, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      for (const key of this.#reconciler.allKeys()) queue.add(key)
      await this.#deps.clock.sleep(this.#deps.resyncMs, signal).catch(() => undefined)
    }
  }

  async #work(queue: WorkQueue, signal: AbortSignal): Promise<void> {
    for (let key = await queue.take(); key !== undefined; key = await queue.take()) {
      const delayMs = await this.#reconcileOnce(key, signal)
      void this.#rest(signal).then(() => {
        queue.done(key)
        if (delayMs !== undefined) queue.addAfter(key, delayMs)
      })
    }
  }

  async #rest(signal: AbortSignal): Promise<void> {
    const { restMs = 0 } = this.#reconciler
    if (restMs > 0) await this.#deps.clock.sleep(restMs, signal).catch(() => undefined)
  }

  /** Returns after how long to look again, if by itself. */
  async #reconcileOnce(key: string, signal: AbortSignal): Promise<number | undefined> {
    const requestId = this.#reconciler.requestIdOf?.(key) ?? newUid()
    return await withTrace({ requestId }, async () => {
      using deadline = new Deadline(this.#deps.clock, RECONCILE_DEADLINE_MS, signal)
      try {
        const result = await this.#reconciler.reconcile(key, deadline.signal)
        this.#failures.delete(key)
        return result.kind === 'requeue' ? result.afterMs : undefined
      } catch (thrown) {
        if (signal.aborted) return undefined
        return await this.#failed(key, toPolisError(thrown, `reconcile ${this.#reconciler.name}`))
      }
    })
  }

  async #failed(key: string, error: PolisError): Promise<number> {
    const { logger, random } = this.#deps
    const failures = (this.#failures.get(key) ?? 0) + 1
    this.#failures.set(key, failures)
    // Somebody else wrote first: nothing is wrong, the decision only has to be made again on what is there now.
    if (error.code === 'Aborted' && failures < 5) return 5
    logger.warn('reconcile failed', {
      controller: this.#reconciler.name,
      key,
      code: error.code,
      failures,
      causes: causeChain(error),
    })
    try {
      await this.#reconciler.report?.(key, error)
    } catch (thrown) {
      logger.warn('status not written', { key, causes: causeChain(thrown) })
    }
    return backoffMs(failures, { ...BACKOFF, random })
  }
}
