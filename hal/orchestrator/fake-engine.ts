import { Channel } from '@polis/lib/channel'
import { PolisError } from '@polis/lib/error'
import type { ObservedDevice } from '../driver.ts'
import type { LogLine, ObservedTask, TaskChange, TaskSpec } from './class.ts'
import { type FakeEngineOptions, type FakeImage, FakeTask } from './fake-task.ts'

/**
 * An engine in memory that starts, ends and moves containers, with levers by which a test plays the world: programs
 * that die, nodes that are lost, folders that are missing. Tasks converge within the call that changes them.
 */
export class FakeEngine {
  readonly networks = new Set<string>()
  /** What ensureDevice and observeDevice answer. */
  device: ObservedDevice
  readonly #options: FakeEngineOptions
  readonly #tasks = new Map<string, FakeTask>()
  readonly #images: FakeImage[]
  readonly #nodes: Set<string>
  readonly #missingFolders = new Set<string>()
  readonly #watchers = new Set<Channel<TaskChange>>()
  readonly #followers = new Map<Channel<LogLine>, string>()
  #startsHeldBy: string | undefined
  #containers = 0

  constructor(options: FakeEngineOptions) {
    this.#options = options
    this.#images = [...(options.images ?? [])]
    this.#nodes = new Set(options.nodes ?? ['node-1'])
    const [engineNode = ''] = this.#nodes
    const facts = { gatewayAddress: '172.30.0.1', engineNode, nodeAddress: '192.0.2.1' }
    this.device = { isReady: true, engineVersion: 'fake', message: '', facts }
  }

  // ---- levers

  /** The health check of the task's container passes, or fails, from now on. */
  setHealthy(uid: string, isHealthy = true): void {
    const task = this.#task(uid)
    if (!task.hasContainer) throw new Error(`task ${uid} has no container`)
    task.setHealth(isHealthy)
    this.#publish(task)
  }

  /** The task's program ends by itself. */
  crash(uid: string, exitCode = 1, lastWords: readonly string[] = []): void {
    this.#exit(this.#task(uid), exitCode, lastWords)
  }

  /** The engine starts an exited or pending task now. */
  restart(uid: string): void {
    const task = this.#task(uid)
    if (!task.hasContainer) this.#start(task)
  }

  /** The task's program writes a line. */
  writeLog(uid: string, text: string, source: LogLine['source'] = 'stdout'): void {
    this.#write(this.#task(uid), source, text)
  }

  /** The node dies: the engine moves its tasks to another node, or keeps them pending when they may not move. */
  loseNode(name: string = [...this.#nodes][0] ?? ''): void {
    this.#nodes.delete(name)
    for (const task of this.#tasks.values()) {
      if (task.observed.engineNode === name) this.#start(task)
    }
  }

  restoreNode(name: string): void {
    this.#nodes.add(name)
    this.#retryPending()
  }

  /** New containers stay pending with this reason until `releaseStarts`. */
  holdStarts(reason: string): void {
    this.#startsHeldBy = reason
  }

  releaseStarts(): void {
    this.#startsHeldBy = undefined
    this.#retryPending()
  }

  /** A bind source that does not exist: tasks that need it stay pending until `addFolder`. */
  removeFolder(path: string): void {
    this.#missingFolders.add(path)
  }

  addFolder(path: string): void {
    this.#missingFolders.delete(path)
    this.#retryPending()
  }

  addImage(image: FakeImage): void {
    this.#images.push(image)
    this.#retryPending()
  }

  /** The spec a task was made with. Throws NotFound. */
  spec(uid: string): TaskSpec {
    return this.#task(uid).spec
  }

  /** Addresses that `name` has for the task: those of running tasks with that alias on one of its networks. */
  lookUp(uid: string, name: string): string[] {
    const networks = new Set(this.#task(uid).spec.networks.map((network) => network.uid))
    return [...this.#tasks.values()]
      .filter(({ spec }) =>
        spec.networks.some((n) => networks.has(n.uid) && n.aliases.includes(name)),
      )
      .flatMap(({ observed }) => (observed.state === 'running' ? (observed.address ?? []) : []))
  }

  // ---- what the port needs

  get isFull(): boolean {
    return this.networks.size >= (this.#options.maxNetworks ?? Infinity)
  }

  /** Every watcher and follower gets `error`. */
  endStreams(error: PolisError): void {
    for (const channel of [...this.#watchers, ...this.#followers.keys()]) channel.fail(error)
  }

  find(uid: string): FakeTask | undefined {
    return this.#tasks.get(uid)
  }

  add(spec: TaskSpec): void {
    const task = new FakeTask(structuredClone(spec), this.#options.clock)
    this.#tasks.set(spec.uid, task)
    this.#publish(task)
    this.#start(task)
  }

  /** Ends the task; goes on when whoever asked no longer waits. */
  remove(uid: string): Promise<void> {
    const task = this.#tasks.get(uid)
    if (task === undefined) return Promise.resolve()
    task.removed ??= this.#remove(task)
    return task.removed
  }

  observed(): ObservedTask[] {
    const tasks = [...this.#tasks.values()].map(({ observed }) => ({ ...observed }))
    return tasks.toSorted((a, b) => a.uid.localeCompare(b.uid))
  }

  findImage(reference: string): FakeImage | undefined {
    return this.#images.find(
      ({ id, names }) =>
        id === reference || names.includes(reference) || names.includes(`${reference}:latest`),
    )
  }

  async *watch(signal: AbortSignal): AsyncGenerator<TaskChange> {
    const channel = new Channel<TaskChange>()
    channel.push({ type: 'snapshot', tasks: this.observed() })
    this.#watchers.add(channel)
    try {
      yield* channel.read(signal)
    } finally {
      this.#watchers.delete(channel)
    }
  }

  async *follow(
    uid: string,
    from: readonly LogLine[],
    signal: AbortSignal,
  ): AsyncGenerator<LogLine> {
    const channel = new Channel<LogLine>()
    for (const line of from) channel.push(line)
    this.#followers.set(channel, uid)
    try {
      yield* channel.read(signal)
    } finally {
      this.#followers.delete(channel)
    }
  }

  // ---- how it works

  async #remove(task: FakeTask): Promise<void> {
    const { uid, image, stopGracePeriodMs } = task.spec
    task.removal.abort()
    const found = this.findImage(image)
    if (task.hasContainer && found !== undefined && task.programOf(found).ignoresStop === true) {
      await this.#options.clock.sleep(stopGracePeriodMs, new AbortController().signal)
    }
    if (task.hasContainer) {
      task.exit(137, 'removed')
      this.#publish(task)
    }
    this.#tasks.delete(uid)
    for (const channel of this.#watchers) channel.push({ type: 'gone', uid })
    for (const [channel, followed] of this.#followers) if (followed === uid) channel.end()
  }

  #task(uid: string): FakeTask {
    const task = this.#tasks.get(uid)
    if (task === undefined) throw new PolisError('NotFound', `no task ${uid}`)
    return task
  }

  #publish(task: FakeTask): void {
    for (const channel of this.#watchers) {
      channel.push({ type: 'changed', task: { ...task.observed } })
    }
  }

  #write(task: FakeTask, source: LogLine['source'], text: string): void {
    const line = task.write(source, text)
    for (const [channel, uid] of this.#followers) if (uid === line.uid) channel.push(line)
  }

  #whyPending({ spec }: FakeTask): string | undefined {
    if (this.#startsHeldBy !== undefined) return this.#startsHeldBy
    const { engineNode } = spec
    if (this.#nodes.size === 0 || (engineNode !== undefined && !this.#nodes.has(engineNode))) {
      return 'no suitable node'
    }
    const missing = spec.mounts.find(({ source }) => this.#missingFolders.has(source))
    return missing === undefined ? undefined : `bind source ${missing.source} does not exist`
  }

  #start(task: FakeTask): void {
    const image = this.findImage(task.spec.image)
    const why =
      this.#whyPending(task) ??
      (image === undefined ? `no such image: ${task.spec.image}` : undefined)
    if (image === undefined || why !== undefined) {
      task.wait(why ?? '')
      this.#publish(task)
      return
    }
    this.#containers += 1
    task.start({
      containerId: this.#containers.toString(16).padStart(64, '0'),
      address: this.#freeAddress(),
      engineNode:
        task.spec.engineNode ?? [...this.#nodes][this.#containers % this.#nodes.size] ?? '',
    })
    this.#publish(task)
    this.#settle(task, image)
  }

  #settle(task: FakeTask, image: FakeImage): void {
    const { exitCode, output = [] } = task.programOf(image)
    if (exitCode !== undefined) {
      this.#exit(
        task,
        exitCode,
        output.map(({ text }) => text),
      )
      return
    }
    for (const { source, text } of output) this.#write(task, source, text)
    if (this.#options.passesHealthCheck?.(task.spec) === false) {
      task.setHealth(false)
      this.#publish(task)
      this.#exit(task, 137, [], 'stopped by the engine: its health check fails')
    } else if (this.#options.startsHealthy !== false) {
      task.setHealth(true)
      this.#publish(task)
    }
  }

  #exit(task: FakeTask, exitCode: number, lastWords: readonly string[], why?: string): void {
    for (const text of lastWords) this.#write(task, 'stderr', text)
    const message = why ?? [`exited with code ${exitCode}`, ...lastWords].join(': ')
    task.exit(exitCode, message)
    this.#publish(task)
    const { clock, restartDelayMs } = this.#options
    if (restartDelayMs === undefined) return
    const again = (): void => {
      if (!task.removal.signal.aborted && !task.hasContainer) this.#start(task)
    }
    clock.sleep(restartDelayMs, task.removal.signal).then(again, () => undefined)
  }

  /** The lowest free one, so that whoever keeps a dead task's address soon talks to a stranger. */
  #freeAddress(): string {
    const taken = new Set([...this.#tasks.values()].map(({ observed }) => observed.address))
    for (let host = 2; ; host += 1) {
      const address = `172.30.${host >> 8}.${host & 255}`
      if (!taken.has(address)) return address
    }
  }

  #retryPending(): void {
    for (const task of this.#tasks.values()) {
      if (task.observed.state === 'pending') this.#start(task)
    }
  }
}
