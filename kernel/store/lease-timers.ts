import { causeChain } from '@polis/lib/error'
import type { Clock } from '@polis/lib/clock'
import type { Logger } from '@polis/lib/logger'
import type { LeaseId } from './store.ts'

interface Lease {
  readonly id: LeaseId
  readonly ttlMs: number
  readonly stop: AbortController
  endsAtMs: number
}

const RETRY_MS = 1000

/**
 * When leases end. Only in memory: keeping alive costs no disk write, and after a restart every lease has its full
 * time again, as in etcd after a change of leader: the store cannot know for how long it was away.
 */
export class LeaseTimers {
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #expire: (id: LeaseId) => Promise<void>
  readonly #leases = new Map<LeaseId, Lease>()

  constructor(deps: {
    readonly clock: Clock
    readonly logger: Logger
    readonly expire: (id: LeaseId) => Promise<void>
  }) {
    this.#clock = deps.clock
    this.#logger = deps.logger
    this.#expire = deps.expire
  }

  start(id: LeaseId, ttlMs: number): void {
    const endsAtMs = this.#clock.monotonicMs() + ttlMs
    const lease = { id, ttlMs, endsAtMs, stop: new AbortController() }
    this.#leases.set(id, lease)
    void this.#run(lease)
  }

  /** False once the time is over, even while the keys are still being removed. */
  isAlive(id: LeaseId): boolean {
    const lease = this.#leases.get(id)
    return lease !== undefined && lease.endsAtMs > this.#clock.monotonicMs()
  }

  /** Starts the time anew; false when it is over already. */
  keepAlive(id: LeaseId): boolean {
    const lease = this.#leases.get(id)
    if (lease === undefined || !this.isAlive(id)) return false
    lease.endsAtMs = this.#clock.monotonicMs() + lease.ttlMs
    return true
  }

  stop(id: LeaseId): void {
    this.#leases.get(id)?.stop.abort()
    this.#leases.delete(id)
  }

  close(): void {
    for (const id of this.#leases.keys()) this.stop(id)
  }

  /** Never rejects. */
  async #run(lease: Lease): Promise<void> {
    const { signal } = lease.stop
    while (!signal.aborted) {
      const leftMs = lease.endsAtMs - this.#clock.monotonicMs()
      try {
        if (leftMs > 0) await this.#clock.sleep(leftMs, signal)
        else {
          await this.#expire(lease.id)
          this.stop(lease.id)
        }
      } catch (error) {
        if (signal.aborted) return
        this.#logger.warn('could not end a lease yet', { lease: lease.id, why: causeChain(error) })
        await this.#clock.sleep(RETRY_MS, signal).catch(() => undefined)
      }
    }
  }
}
