import { isDeepStrictEqual } from 'node:util'
import { listRunningTasks, type TaskExit, watchExits } from '@polis/engine-containerd/tasks'
import { type DockerEvent, watchEvents } from '@polis/engine-docker/events'
import type { ObservedTask, TaskChange } from '@polis/hal/orchestrator'
import { Channel } from '@polis/lib/channel'
import type { Clock } from '@polis/lib/clock'
import { causeChain, PolisError } from '@polis/lib/error'
import type { Logger } from '@polis/lib/logger'
import { hasCode } from './errors.ts'
import type { Inventory } from './inventory.ts'
import { nameOf, TASK_LABEL } from './labels.ts'
import type { SwarmApi } from './swarm-api.ts'

export interface TaskWatchDeps {
  readonly api: SwarmApi
  readonly inventory: Inventory
  readonly containerdSocketPath: string
  readonly clock: Clock
  readonly logger: Logger
}

const TYPES = ['container', 'service']
const ACTIONS = ['start', 'die', 'oom', 'health_status', 'destroy', 'create', 'remove']
const RECONNECT_MS = 200
/** To look at so many one by one costs more than to list all. */
const MANY = 8
const RESYNC_MS = 30_000
const POLL_MS = 250
/** Swarm tells no events of why a task waits, so those that do not run are looked at, ever less often. */
const POLL_GROWTH = 1.3
const MAX_POLL_MS = 5000

interface Known {
  readonly task: ObservedTask
  pollAfterMs: number
  dueAtMs: number
}

/**
 * One stream of what becomes of this installation's tasks. Docker's events say which task to look at; containerd's say
 * of an end at once, also while dockerd is away. While both are, the stream ends with Unavailable.
 */
export class TaskWatch {
  readonly #deps: TaskWatchDeps
  readonly #channel = new Channel<TaskChange>()
  readonly #known = new Map<string, Known>()
  readonly #dirty = new Set<string>()
  #refreshing: Promise<void> | undefined
  #isDockerAway = false
  #areExitsWatched = false

  constructor(deps: TaskWatchDeps) {
    this.#deps = deps
  }

  async *run(outer: AbortSignal): AsyncGenerator<TaskChange> {
    const inner = new AbortController()
    const signal = AbortSignal.any([outer, inner.signal])
    const background: Promise<void>[] = []
    try {
      // Both before the snapshot, so that nothing between is missed.
      const exits = await watchExits(this.#deps.containerdSocketPath, signal)
      const events = await this.#watchEvents(signal)
      const tasks = await this.#deps.inventory.listTasks(signal)
      for (const task of tasks) this.#remember(task)
      yield { type: 'snapshot', tasks }
      background.push(
        this.#guard(this.#followExits(exits, signal), signal),
        this.#guard(this.#followEvents(events, signal), signal),
        this.#guard(this.#poll(signal), signal),
      )
      yield* this.#channel.read(outer)
    } finally {
      inner.abort()
      await Promise.all(background)
      await this.#refreshing
    }
  }

  /** What goes wrong in the background ends the stream; that the stream has ended is no error. */
  async #guard(work: Promise<void>, signal: AbortSignal): Promise<void> {
    try {
      await work
    } catch (error) {
      if (!signal.aborted) this.#channel.fail(error)
    }
  }

  #watchEvents(signal: AbortSignal): Promise<AsyncIterable<DockerEvent>> {
    return watchEvents(this.#deps.api.docker, { types: TYPES, actions: ACTIONS }, signal)
  }

  async #followEvents(first: AsyncIterable<DockerEvent>, signal: AbortSignal): Promise<void> {
    for (let events = first; ; events = await this.#untilDockerIsBack(signal)) {
      try {
        for await (const event of events) this.#onEvent(event, signal)
      } catch (error) {
        signal.throwIfAborted()
        this.#deps.logger.warn('dockerd is away', { why: causeChain(error) })
      }
      this.#isDockerAway = true
      this.#endIfBlind()
    }
  }

  async #untilDockerIsBack(signal: AbortSignal): Promise<AsyncIterable<DockerEvent>> {
    for (;;) {
      await this.#deps.clock.sleep(RECONNECT_MS, signal)
      const attempt = new AbortController()
      try {
        const events = await this.#watchEvents(AbortSignal.any([signal, attempt.signal]))
        await this.#resync(signal)
        this.#isDockerAway = false
        return events
      } catch (error) {
        attempt.abort()
        signal.throwIfAborted()
        // A dockerd that has just started serves before its swarm does.
        this.#deps.logger.debug('dockerd is not back', { why: causeChain(error) })
      }
    }
  }

  async #followExits(first: AsyncIterable<TaskExit>, signal: AbortSignal): Promise<void> {
    for (let exits = first; ; exits = await this.#untilContainerdIsBack(signal)) {
      this.#areExitsWatched = true
      try {
        for await (const exit of exits) this.#onExit(exit, signal)
      } catch (error) {
        signal.throwIfAborted()
        this.#deps.logger.warn('containerd is away', { why: causeChain(error) })
      }
      this.#areExitsWatched = false
      this.#endIfBlind()
    }
  }

  async #untilContainerdIsBack(signal: AbortSignal): Promise<AsyncIterable<TaskExit>> {
    for (;;) {
      await this.#deps.clock.sleep(RECONNECT_MS, signal)
      const attempt = new AbortController()
      const { containerdSocketPath } = this.#deps
      try {
        const whileTrying = AbortSignal.any([signal, attempt.signal])
        const exits = await watchExits(containerdSocketPath, whileTrying)
        await this.#reportMissedExits(signal)
        return exits
      } catch (error) {
        attempt.abort()
        signal.throwIfAborted()
        this.#deps.logger.debug('containerd is not back', { why: causeChain(error) })
      }
    }
  }

  #endIfBlind(): void {
    if (!this.#isDockerAway || this.#areExitsWatched) return
    this.#channel.fail(new PolisError('Unavailable', 'neither dockerd nor containerd answers'))
  }

  #onEvent(event: DockerEvent, signal: AbortSignal): void {
    const { type, attributes } = event
    const name = attributes['name'] ?? ''
    const isService = type === 'service' && name.startsWith(nameOf(''))
    const uid = isService ? name.slice(nameOf('').length) : attributes[TASK_LABEL]
    if (uid === undefined) return
    this.#publishHealth(uid, event)
    this.#refresh(uid, signal)
  }

  /** At once: Swarm ends an unhealthy container so soon that a look would come too late. */
  #publishHealth(uid: string, { action, id }: DockerEvent): void {
    const task = this.#known.get(uid)?.task
    if (task?.containerId !== id || task.address === undefined) return
    if (action === 'health_status: healthy') {
      this.#publish({ ...task, state: 'running', message: '' })
    } else if (action === 'health_status: unhealthy') {
      this.#publish({ ...task, state: 'unhealthy', message: 'its health check fails' })
    }
  }

  #onExit({ containerId, pid, exitStatus }: TaskExit, signal: AbortSignal): void {
    this.#deps.inventory.noteExit(containerId, { pid, exitCode: exitStatus })
    const running = [...this.#known.values()].find(({ task }) => task.containerId === containerId)
    if (running === undefined) return
    const { uid, restarts, engineNode } = running.task
    this.#publish({
      uid,
      restarts,
      ...(engineNode === undefined ? {} : { engineNode }),
      state: 'exited',
      exitCode: exitStatus,
      message: `exited with code ${exitStatus}`,
    })
    if (!this.#isDockerAway) this.#refresh(uid, signal)
  }

  /** What ended while containerd was away has no code that could still be learnt from it. */
  async #reportMissedExits(signal: AbortSignal): Promise<void> {
    const running = await listRunningTasks(this.#deps.containerdSocketPath, signal)
    const alive = new Set(running.map(({ containerId }) => containerId))
    for (const { task } of this.#known.values()) {
      const isLocal = task.address !== undefined
      if (!isLocal || task.containerId === undefined || alive.has(task.containerId)) continue
      const { uid, restarts } = task
      this.#publish({ uid, restarts, state: 'exited', message: 'ended while containerd was away' })
      if (!this.#isDockerAway) this.#refresh(uid, signal)
    }
  }

  /** Looks at one task soon; asked again meanwhile, looks once more. */
  #refresh(uid: string, signal: AbortSignal): void {
    this.#dirty.add(uid)
    this.#refreshing ??= this.#guard(this.#refreshDirty(signal), signal).finally(() => {
      this.#refreshing = undefined
    })
  }

  async #refreshDirty(signal: AbortSignal): Promise<void> {
    while (this.#dirty.size > 0) {
      const uids = [...this.#dirty]
      this.#dirty.clear()
      try {
        if (uids.length > MANY) await this.#resync(signal)
        else await Promise.all(uids.map((uid) => this.#look(uid, signal)))
      } catch (error) {
        signal.throwIfAborted()
        // The event stream notices the same, and lists all when the engine is back.
        if (!hasCode(error, 'Unavailable')) throw error
      }
    }
  }

  async #look(uid: string, signal: AbortSignal): Promise<void> {
    const task = await this.#deps.inventory.findTask(uid, signal)
    if (task !== undefined) this.#publish(task)
    else this.#forget(uid)
  }

  async #resync(signal: AbortSignal): Promise<void> {
    const tasks = await this.#deps.inventory.listTasks(signal)
    const listed = new Set(tasks.map(({ uid }) => uid))
    for (const task of tasks) this.#publish(task)
    for (const uid of this.#known.keys()) if (!listed.has(uid)) this.#forget(uid)
  }

  async #poll(signal: AbortSignal): Promise<void> {
    const { clock } = this.#deps
    let resyncAtMs = clock.monotonicMs() + RESYNC_MS
    for (;;) {
      await clock.sleep(POLL_MS, signal)
      if (this.#isDockerAway) continue
      const nowMs = clock.monotonicMs()
      if (nowMs >= resyncAtMs) {
        resyncAtMs = nowMs + RESYNC_MS
        await this.#resync(signal).catch((error: unknown) => {
          if (signal.aborted || !hasCode(error, 'Unavailable')) throw error
        })
      }
      for (const known of this.#known.values()) {
        if (known.task.state === 'running' || known.dueAtMs > nowMs) continue
        known.pollAfterMs = Math.min(known.pollAfterMs * POLL_GROWTH, MAX_POLL_MS)
        known.dueAtMs = nowMs + known.pollAfterMs
        this.#refresh(known.task.uid, signal)
      }
    }
  }

  #publish(task: ObservedTask): void {
    const before = this.#known.get(task.uid)
    if (before !== undefined && isDeepStrictEqual(before.task, task)) return
    this.#remember(task)
    this.#channel.push({ type: 'changed', task })
  }

  #remember(task: ObservedTask): void {
    const dueAtMs = this.#deps.clock.monotonicMs() + POLL_MS
    this.#known.set(task.uid, { task, pollAfterMs: POLL_MS, dueAtMs })
  }

  #forget(uid: string): void {
    if (this.#known.delete(uid)) this.#channel.push({ type: 'gone', uid })
  }
}
