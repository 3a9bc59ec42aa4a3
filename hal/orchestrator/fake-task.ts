import type { Clock } from '@polis/lib/clock'
import type { LogLine, ObservedTask, TaskSpec } from './class.ts'

/** What a program of a fake image does; one without a name in the image runs until it is told to stop. */
export interface FakeProgram {
  /** Ends by itself, at once, with this code. */
  readonly exitCode?: number
  /** What it writes when it starts. */
  readonly output?: readonly Pick<LogLine, 'source' | 'text'>[]
  /** Goes on after its stop signal until it is killed. */
  readonly ignoresStop?: boolean
}

export interface FakeImage {
  /** `sha256:…` */
  readonly id: string
  readonly names: readonly string[]
  readonly exposedPorts?: readonly string[]
  readonly hasHealthCheck?: boolean
  /** By the command's first word. */
  readonly programs?: Readonly<Record<string, FakeProgram>>
}

export interface FakeEngineOptions {
  readonly clock: Clock
  /** Engine names of the nodes; one `node-1` when absent. */
  readonly nodes?: readonly string[]
  readonly images?: readonly FakeImage[]
  /** False: a container stays `starting` until `setHealthy`. */
  readonly startsHealthy?: boolean
  /** How long after an exit the engine starts a task anew; absent: only `restart` does. */
  readonly restartDelayMs?: number
  /** Whether a task's own health check passes; all do when absent. */
  readonly passesHealthCheck?: (spec: TaskSpec) => boolean
  /** Networks the engine has room for. */
  readonly maxNetworks?: number
}

/** A task's life inside the fake engine. */
export class FakeTask {
  readonly spec: TaskSpec
  /** Ends waits for a restart when the task is removed. */
  readonly removal = new AbortController()
  /** Settles when the engine has ended what it was told to remove. */
  removed: Promise<void> | undefined
  readonly lines: LogLine[] = []
  observed: ObservedTask
  readonly #clock: Clock
  #hasFailed = false

  constructor(spec: TaskSpec, clock: Clock) {
    this.spec = spec
    this.#clock = clock
    this.observed = { uid: spec.uid, state: 'pending', message: 'waits for a node', restarts: 0 }
  }

  get hasContainer(): boolean {
    return this.observed.incarnation !== undefined
  }

  programOf(image: FakeImage): FakeProgram {
    const [word = ''] = this.spec.command ?? []
    return image.programs?.[word] ?? {}
  }

  wait(message: string): void {
    const { uid, restarts } = this.observed
    this.observed = { uid, restarts, state: 'pending', message }
  }

  start(container: { containerId: string; address: string; engineNode: string }): void {
    const { uid, restarts } = this.observed
    this.observed = {
      uid,
      restarts: this.#hasFailed ? restarts + 1 : restarts,
      state: 'starting',
      message: 'waits for its health check',
      incarnation: container.containerId,
      startedAt: this.#clock.now().toISOString(),
      ...container,
    }
    this.#hasFailed = false
  }

  setHealth(isHealthy: boolean): void {
    this.observed = isHealthy
      ? { ...this.observed, state: 'running', message: '' }
      : { ...this.observed, state: 'unhealthy', message: 'its health check fails' }
  }

  exit(exitCode: number, message: string): void {
    const { uid, restarts, engineNode } = this.observed
    this.#hasFailed = true
    this.observed = {
      uid,
      state: 'exited',
      message,
      exitCode,
      restarts,
      ...(engineNode === undefined ? {} : { engineNode }),
    }
  }

  write(source: LogLine['source'], text: string): LogLine {
    const at = this.#clock.now().toISOString().replace('Z', '000000Z')
    const line: LogLine = { at, source, text, uid: this.spec.uid }
    this.lines.push(line)
    return line
  }
}
