// The end of a SQLite thread that has the event loop: it only sends, waits and sorts the answers.
import { Worker } from 'node:worker_threads'
import { PolisError } from '@polis/lib/error'
import { closedError } from './feed.ts'
import { fromSentError, type Reads, type Reply, type Request } from './sqlite-thread-messages.ts'

export interface SqliteThreadOptions<Write, Result> {
  /** The module that serves the file. */
  readonly worker: URL
  readonly file: string
  /** What the file holds, for error messages. */
  readonly what: string
  /** About what a write takes in memory. */
  readonly sizeOf: (write: Write) => number
  /** The results of each commit, in order, before those who asked for them learn of it. */
  readonly onCommitted: (results: readonly Result[]) => void
  /** The thread is gone though nobody closed it. */
  readonly onBroken: (error: PolisError) => void
}

interface Waiting<T> {
  // Methods, not function properties: one map holds those who wait for different answers.
  resolve(value: T): void
  reject(error: unknown): void
}

interface QueuedWrite<Write, Result> extends Waiting<Result> {
  readonly write: Write
}

/** Writes that share one sync of the disk at most; more would only make the event loop stutter. */
const GROUP_WRITES = 128
/** And of this size at most, unless one alone is larger: the thread's memory is bounded. */
const GROUP_BYTES = 8 * 1024 * 1024

/**
 * The worker module named `name` beside the module at `base`: TypeScript among sources, JavaScript in a bundle,
 * which has to keep the name of this entry.
 */
export function workerBeside(name: string, base: string): URL {
  return new URL(`./${name}${base.endsWith('.ts') ? '.ts' : '.js'}`, base)
}

/**
 * A file in a thread of its own. Reads go there at once. Writes gather while one group is being committed and make
 * up the next, so that the more come, the fewer syncs each costs.
 */
export class SqliteThread<Questions extends Reads, Write, Result, Opened> {
  readonly #worker: Worker
  readonly #options: SqliteThreadOptions<Write, Result>
  readonly #opening = Promise.withResolvers<Opened>()
  readonly #exited = Promise.withResolvers<void>()
  readonly #reads = new Map<number, Waiting<Questions[keyof Questions]['answer']>>()
  #lastReadId = 0
  readonly #queue: QueuedWrite<Write, Result>[] = []
  #group: readonly QueuedWrite<Write, Result>[] | undefined
  #isPumpDue = false
  #isClosing = false
  #isCloseSent = false
  #end: PolisError | undefined

  constructor(options: SqliteThreadOptions<Write, Result>) {
    this.#options = options
    this.#worker = new Worker(options.worker, {
      workerData: { file: options.file },
      name: `polis ${options.what}`,
      execArgv: [],
      resourceLimits: { maxYoungGenerationSizeMb: 4, maxOldGenerationSizeMb: 256 },
    })
    this.#worker.on(
      'message',
      (reply: Reply<Opened, Questions[keyof Questions]['answer'], Result>) => this.#take(reply),
    )
    this.#worker.on('error', (cause) => this.#break(cause))
    this.#worker.on('exit', () => {
      this.#break(undefined)
      this.#exited.resolve()
    })
  }

  /** What the service says of itself once it is ready; rejects, the thread gone, when the file is refused. */
  async opened(): Promise<Opened> {
    try {
      return await this.#opening.promise
    } catch (error) {
      await this.#exited.promise
      throw error
    }
  }

  async read<Name extends keyof Questions & string>(
    name: Name,
    ask: Questions[Name]['ask'],
  ): Promise<Questions[Name]['answer']> {
    this.#checkOpen()
    const { promise, resolve, reject } = Promise.withResolvers<Questions[Name]['answer']>()
    this.#lastReadId += 1
    this.#reads.set(this.#lastReadId, { resolve, reject })
    this.#send({ kind: 'read', id: this.#lastReadId, name, ask })
    return promise
  }

  async write(write: Write): Promise<Result> {
    this.#checkOpen()
    const { promise, resolve, reject } = Promise.withResolvers<Result>()
    this.#queue.push({ write, resolve, reject })
    this.#pumpSoon()
    return promise
  }

  /** Finishes what was accepted, then lets the file go. */
  close(): Promise<void> {
    this.#isClosing = true
    this.#pumpSoon()
    return this.#exited.promise
  }

  #checkOpen(): void {
    if (this.#end !== undefined) throw this.#end
    if (this.#isClosing) throw closedError(this.#options.what)
  }

  #send(request: Request<Write>): void {
    this.#worker.postMessage(request)
  }

  /** Not at once: whoever was just answered is about to ask again, and all of them fit one group. */
  #pumpSoon(): void {
    if (this.#isPumpDue) return
    this.#isPumpDue = true
    setImmediate(() => {
      this.#isPumpDue = false
      this.#pump()
    })
  }

  #pump(): void {
    if (this.#group !== undefined || this.#end !== undefined) return
    if (this.#queue.length === 0) {
      if (this.#isClosing && !this.#isCloseSent) this.#send({ kind: 'close' })
      this.#isCloseSent = this.#isClosing
      return
    }
    this.#group = this.#queue.splice(0, this.#groupLength())
    this.#send({ kind: 'group', writes: this.#group.map(({ write }) => write) })
  }

  #groupLength(): number {
    let sizeBytes = 0
    const tooMuch = this.#queue.slice(0, GROUP_WRITES).findIndex(({ write }) => {
      sizeBytes += this.#options.sizeOf(write)
      return sizeBytes > GROUP_BYTES
    })
    return tooMuch < 0 ? GROUP_WRITES : Math.max(1, tooMuch)
  }

  #take(reply: Reply<Opened, Questions[keyof Questions]['answer'], Result>): void {
    switch (reply.kind) {
      case 'opened':
        this.#opening.resolve(reply.opened)
        break
      case 'refused':
        this.#opening.reject(fromSentError(reply.error))
        break
      case 'answer':
        this.#reads.get(reply.id)?.resolve(reply.answer)
        this.#reads.delete(reply.id)
        break
      case 'failed':
        this.#reads.get(reply.id)?.reject(fromSentError(reply.error))
        this.#reads.delete(reply.id)
        break
      case 'group': {
        const group = this.#group ?? []
        this.#group = undefined
        const { outcomes } = reply
        this.#options.onCommitted(
          outcomes.map(({ result }) => result).filter((r) => r !== undefined),
        )
        for (const [n, waiting] of group.entries()) {
          const outcome = outcomes[n]
          if (outcome?.error !== undefined) waiting.reject(fromSentError(outcome.error))
          else if (outcome !== undefined) waiting.resolve(outcome.result)
        }
        this.#pumpSoon()
      }
    }
  }

  #break(cause: unknown): void {
    if (this.#end !== undefined) return
    const { what, onBroken } = this.#options
    this.#end = this.#isClosing
      ? closedError(what)
      : new PolisError('Unavailable', `the ${what}'s thread is gone`, { cause })
    this.#opening.reject(this.#end)
    const queued = this.#queue.splice(0)
    const waiting = [...this.#reads.values(), ...(this.#group ?? []), ...queued]
    for (const each of waiting) each.reject(this.#end)
    this.#reads.clear()
    if (!this.#isClosing) onBroken(this.#end)
  }
}
