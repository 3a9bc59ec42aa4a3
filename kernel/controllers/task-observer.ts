import type { ObservedTask, TaskChange } from '@polis/hal/orchestrator'
import { backoffMs } from '@polis/lib/backoff'
import { causeChain } from '@polis/lib/error'
import type { Task } from '@polis/resources/task'
import { statusChange } from '../controller/report.ts'
import { KeyedSerial } from '../controller/keyed-serial.ts'
import type { ReconcilerDeps } from './deps.ts'
import { orchestratorDevice, portOf } from './device-port.ts'

const BACKOFF = { firstMs: 100, maxMs: 5_000 }

/** Writes into each Task what the orchestrator sees of it, as it happens. */
export class TaskObserver {
  readonly #deps: ReconcilerDeps
  readonly #random: () => number
  readonly #serial = new KeyedSerial()

  constructor(deps: ReconcilerDeps, random: () => number) {
    this.#deps = deps
    this.#random = random
  }

  /** Watches until the signal aborts; an engine or node that goes away is asked again when it is back. */
  async run(signal: AbortSignal): Promise<void> {
    let failures = 0
    while (!signal.aborted) {
      try {
        const orchestrator = portOf(
          this.#deps,
          'orchestrator',
          orchestratorDevice(this.#deps.cache),
        )
        for await (const change of orchestrator.watchTasks({}, signal)) {
          failures = 0
          await this.#take(change, signal)
        }
      } catch (thrown) {
        if (signal.aborted) return
        this.#deps.logger.debug('task watch ended', { causes: causeChain(thrown) })
      }
      failures += 1
      const delayMs = backoffMs(failures, { ...BACKOFF, random: this.#random })
      await this.#deps.clock.sleep(delayMs, signal).catch(() => undefined)
    }
  }

  async #take(change: TaskChange, signal: AbortSignal): Promise<void> {
    switch (change.type) {
      case 'changed':
        this.#inBackground(this.#write(change.task, signal))
        return
      case 'gone':
        this.#inBackground(this.#lost(change.uid))
        return
      case 'snapshot': {
        const seen = new Set(change.tasks.map((task) => task.uid))
        await Promise.all(change.tasks.map((task) => this.#write(task, signal)))
        const missing = this.#deps.cache
          .list('Task')
          .filter(({ metadata, status }) => !seen.has(metadata.uid) && status.state !== 'waiting')
        await Promise.all(missing.map(({ metadata }) => this.#lost(metadata.uid)))
      }
    }
  }

  #write(observed: ObservedTask, signal: AbortSignal): Promise<void> {
    return this.#serial.run(observed.uid, async () => {
      const task = this.#deps.cache.find('Task', observed.uid)
      if (task === undefined) await this.#endOrphan(observed.uid, signal)
      else await this.#writeStatus(task, toStatus(this.#deps, task, observed))
    })
  }

  /** The engine has forgotten a task that is still wanted: it is asked for again. */
  #lost(uid: string): Promise<void> {
    return this.#serial.run(uid, async () => {
      const task = this.#deps.cache.find('Task', uid)
      if (task === undefined) return
      const {
        observedGeneration,
        conditions,
        restarts,
        mountedAttachmentUids,
        nodeUid,
        routedIncarnation,
      } = task.status
      await this.#writeStatus(task, {
        observedGeneration,
        conditions,
        restarts,
        mountedAttachmentUids,
        state: 'lost',
        message: 'the engine does not know it any more',
        ...(nodeUid === undefined ? {} : { nodeUid }),
        ...(routedIncarnation === undefined ? {} : { routedIncarnation }),
      })
    })
  }

  /** A task of this installation that no object wants: left by a crash between an engine's work and ours. */
  async #endOrphan(uid: string, signal: AbortSignal): Promise<void> {
    const orchestrator = portOf(this.#deps, 'orchestrator', orchestratorDevice(this.#deps.cache))
    try {
      await orchestrator.removeTask({ uid }, signal)
    } catch (thrown) {
      this.#deps.logger.warn('an orphaned task stays', { task: uid, causes: causeChain(thrown) })
    }
  }

  /** Others write other members of the same status meanwhile: theirs are kept. */
  async #writeStatus({ metadata }: Task, status: Task['status']): Promise<void> {
    await this.#deps.writer.amend('Task', metadata.uid, (task) => {
      const { mountedAttachmentUids, routedIncarnation, observedGeneration } = task.status
      const { routedIncarnation: _, ...seen } = status
      return statusChange(task, {
        ...seen,
        mountedAttachmentUids,
        observedGeneration,
        ...(routedIncarnation === undefined ? {} : { routedIncarnation }),
      })
    })
  }

  #inBackground(work: Promise<void>): void {
    work.catch((thrown: unknown) => {
      // The resync of the watch sees it again.
      this.#deps.logger.warn('task status not written', { causes: causeChain(thrown) })
    })
  }
}

function toStatus(
  { cache }: ReconcilerDeps,
  { status }: Task,
  observed: ObservedTask,
): Task['status'] {
  const { uid: _, engineNode, ...seen } = observed
  const node = cache.list('Node').find((candidate) => candidate.status.engineNode === engineNode)
  const nodeUid = node?.metadata.uid ?? status.nodeUid
  // The same container has the address it had, also when the engine does not say it this time.
  const isSameContainer =
    observed.incarnation !== undefined && observed.incarnation === status.incarnation
  const address = observed.address ?? (isSameContainer ? status.address : undefined)
  return {
    observedGeneration: status.observedGeneration,
    conditions: status.conditions,
    mountedAttachmentUids: status.mountedAttachmentUids,
    ...seen,
    ...(address === undefined ? {} : { address }),
    ...(nodeUid === undefined ? {} : { nodeUid }),
  }
}
