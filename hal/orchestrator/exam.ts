import { until } from '@polis/lib/until'
import type { OrchestratorPort, TaskChange, TaskSpec } from './class.ts'

/**
 * What an adapter brings to `orchestratorConformance`: its port, and hands in the world around it.
 *
 * `image` must hold these programs:
 * - `/bin/serve` writes `serving $GREETING` to stdout and answers `$GREETING` to any HTTP request at port 8080
 * - `/bin/crash` writes `boom` to stderr and exits with 3
 * - `/bin/stubborn` goes on after SIGTERM
 * - `/bin/true` and `/bin/false`, as health checks
 */
export interface OrchestratorExam extends AsyncDisposable {
  readonly port: OrchestratorPort
  /** Id of the image. */
  readonly image: string
  /** Its name, without a tag; the image exposes port 8080. */
  readonly imageName: string
  /** A port on the same device, as the next agent after a crash opens it. */
  reopen(): OrchestratorPort
  /** Calls ensureTask in a caller that is killed after the engine made the task and before the call returned. */
  ensureTaskAndDie(spec: TaskSpec): Promise<void>
  /** HTTP from the node to a task's address: the body. */
  fetch(address: string): Promise<string>
  /** Addresses a name has inside the task; none when it does not resolve. */
  lookUp(uid: string, name: string): Promise<readonly string[]>
  /** Content of a file as the task sees it; undefined when it does not exist. */
  readInside(uid: string, path: string): Promise<string | undefined>
  /** Path of a folder of the node that does not exist yet. */
  newFolder(): string
  makeFolder(path: string): Promise<void>
  /** Mounts a folder with one file at `path`, which is below a folder made by makeFolder. */
  mountFile(path: string, name: string, content: string): Promise<void>
  /** Something of somebody else in the same engine: a running service on a network. */
  addForeign(): Promise<void>
  /** The same somebody's things as they are now, in any words that change when they do. */
  describeForeign(): Promise<string>
}

/** Collects a watch in the background, so that a test can ask what was reported so far. */
export class Watch implements AsyncDisposable {
  readonly changes: TaskChange[] = []
  readonly #abort = new AbortController()
  readonly #reading: Promise<void>

  private constructor(port: OrchestratorPort) {
    this.#reading = this.#read(port)
  }

  /** Resolves when the snapshot is there: whatever happens from now on is reported. */
  static async begin(port: OrchestratorPort): Promise<Watch> {
    const watch = new Watch(port)
    await until(() => watch.changes.length > 0, { deadlineMs: 30_000, what: 'a snapshot' })
    return watch
  }

  /** States reported for a task, in order, repeats left out. */
  states(uid: string): readonly string[] {
    const states = this.changes.flatMap((change) => {
      if (change.type === 'gone') return change.uid === uid ? ['gone'] : []
      const tasks = change.type === 'snapshot' ? change.tasks : [change.task]
      return tasks.filter((task) => task.uid === uid).map(({ state }) => state)
    })
    return states.filter((state, index) => state !== states[index - 1])
  }

  async #read(port: OrchestratorPort): Promise<void> {
    try {
      for await (const change of port.watchTasks({}, this.#abort.signal)) this.changes.push(change)
    } catch (error) {
      if (!this.#abort.signal.aborted) throw error
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort()
    await this.#reading
  }
}
