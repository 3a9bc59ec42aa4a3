import { isDeepStrictEqual } from 'node:util'
import { PolisError } from '@polis/lib/error'
import type { Nothing, ObservedDevice } from '../driver.ts'
import { Faults } from '../faults.ts'
import type {
  LogLine,
  LogsRequest,
  NetworkSpec,
  ObservedTask,
  OrchestratorPort,
  ResolvedImage,
  TaskChange,
  TaskSpec,
} from './class.ts'
import type { FakeEngine } from './fake-engine.ts'

type Method = keyof OrchestratorPort

/** The orchestrator's port on an engine in memory. Several may share one engine, as a restarted agent and the one before do. */
export class FakeOrchestrator implements OrchestratorPort {
  /** The world behind the port: its methods are levers for tests. */
  readonly engine: FakeEngine
  readonly #faults = new Faults<Method>()
  readonly #lostAnswers = new Map<Method, PolisError>()

  constructor(engine: FakeEngine) {
    this.engine = engine
  }

  // ---- levers; those of the world are on `engine`

  /** The next call, or the next call of `method`, throws `error` and changes nothing. */
  failNext(error: PolisError, method?: Method): void {
    this.#faults.failNext(error, method)
  }

  /** The next call of `method` has its effect and then throws `error`, as when the answer is lost on its way. */
  loseNextAnswer(error: PolisError, method: Method): void {
    this.#lostAnswers.set(method, error)
  }

  /** While true every call, and every stream at once, throws Unavailable; tasks go on unseen. */
  setAway(isAway: boolean): void {
    this.#faults.setAway(isAway)
    if (isAway) this.engine.endStreams(new PolisError('Unavailable', 'the engine is away'))
  }

  // ---- the port

  ensureDevice(_input: Nothing, signal: AbortSignal): Promise<ObservedDevice> {
    return this.#call('ensureDevice', signal, () => this.engine.device)
  }

  observeDevice(_input: Nothing, signal: AbortSignal): Promise<ObservedDevice> {
    return this.#call('observeDevice', signal, () => this.engine.device)
  }

  removeDevice(_input: Nothing, signal: AbortSignal): Promise<Nothing> {
    return this.#call('removeDevice', signal, async () => {
      for (const { uid } of this.engine.observed()) await this.engine.remove(uid)
      this.engine.networks.clear()
      return {}
    })
  }

  ensureNetwork({ uid }: NetworkSpec, signal: AbortSignal): Promise<Nothing> {
    return this.#call('ensureNetwork', signal, () => {
      const { networks, isFull } = this.engine
      if (isFull && !networks.has(uid)) {
        throw new PolisError('ResourceExhausted', 'no address range left for a network')
      }
      networks.add(uid)
      return {}
    })
  }

  removeNetwork({ uid }: { uid: string }, signal: AbortSignal): Promise<Nothing> {
    return this.#call('removeNetwork', signal, () => {
      const user = this.engine
        .observed()
        .find((task) => this.engine.spec(task.uid).networks.some((network) => network.uid === uid))
      if (user !== undefined) {
        throw new PolisError('FailedPrecondition', `task ${user.uid} uses network ${uid}`)
      }
      this.engine.networks.delete(uid)
      return {}
    })
  }

  listNetworks(_input: Nothing, signal: AbortSignal): Promise<{ uids: string[] }> {
    return this.#call('listNetworks', signal, () => ({
      uids: [...this.engine.networks].toSorted(),
    }))
  }

  ensureTask(spec: TaskSpec, signal: AbortSignal): Promise<Nothing> {
    return this.#call('ensureTask', signal, () => {
      const existing = this.engine.find(spec.uid)
      if (existing === undefined) {
        this.#refuseWrongSpec(spec)
        this.engine.add(spec)
      } else if (!isDeepStrictEqual(existing.spec, spec)) {
        throw new PolisError('FailedPrecondition', `task ${spec.uid} exists with another spec`)
      }
      return {}
    })
  }

  removeTask({ uid }: { uid: string }, signal: AbortSignal): Promise<Nothing> {
    return this.#call('removeTask', signal, async () => {
      await unlessAborted(this.engine.remove(uid), signal)
      return {}
    })
  }

  listTasks(_input: Nothing, signal: AbortSignal): Promise<{ tasks: ObservedTask[] }> {
    return this.#call('listTasks', signal, () => ({ tasks: this.engine.observed() }))
  }

  async *watchTasks(_input: Nothing, signal: AbortSignal): AsyncIterable<TaskChange> {
    yield* await this.#call('watchTasks', signal, () => this.engine.watch(signal))
  }

  resolveImage({ reference }: { reference: string }, signal: AbortSignal): Promise<ResolvedImage> {
    return this.#call('resolveImage', signal, () => {
      const image = this.engine.findImage(reference)
      if (image === undefined) {
        throw new PolisError('NotFound', `no image ${reference}`, {
          hint: 'build it, or check the name',
        })
      }
      const { id, exposedPorts = [], hasHealthCheck = false } = image
      return {
        pinned: id,
        imageId: id,
        exposedPorts: [...exposedPorts],
        hasHealthCheck,
        sizeBytes: 1024,
      }
    })
  }

  async *logs(request: LogsRequest, signal: AbortSignal): AsyncIterable<LogLine> {
    const { uid, follow, tail, since } = request
    const task = await this.#call('logs', signal, () => this.engine.find(uid))
    if (task === undefined) throw new PolisError('NotFound', `no task ${uid}`)
    const lines = task.lines.filter(({ at }) => since === undefined || at >= since)
    const last = tail === 0 ? [] : lines.slice(-tail)
    if (follow) yield* this.engine.follow(uid, last, signal)
    else yield* last
  }

  #refuseWrongSpec(spec: TaskSpec): void {
    if (!/(?:^|@)sha256:/.test(spec.image)) {
      throw new PolisError('InvalidArgument', `image ${spec.image} is not pinned`, {
        path: 'image',
      })
    }
    const missing = spec.networks.find(({ uid }) => !this.engine.networks.has(uid))
    if (missing !== undefined) {
      throw new PolisError('FailedPrecondition', `no network ${missing.uid}`, { path: 'networks' })
    }
  }

  async #call<T>(method: Method, signal: AbortSignal, work: () => T | Promise<T>): Promise<T> {
    this.#faults.enter(method, signal)
    const result = await work()
    const lost = this.#lostAnswers.get(method)
    this.#lostAnswers.delete(method)
    if (lost !== undefined) throw lost
    return result
  }
}

/** What `work` gives, or the signal's reason as soon as that aborts; the work goes on. */
function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
    work.then(resolve, reject)
  })
}
