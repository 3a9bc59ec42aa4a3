import { readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { until } from '@polis/lib/until'
import { z } from 'zod'
import { ask } from './cli-socket.ts'
import { notServing } from './errors.ts'
import { findByArgument, type Launch, sendSignal, startOf } from './launch.ts'
import { CONFIG_FILE, type EdgeLayout, workerSocketOf } from './layout.ts'
import { parseShapeHash, parseWorkers, type WorkerList } from './observed.ts'

/** An edge that runs, whoever started it. */
export interface RunningEdge extends WorkerList {
  /** What its worker was given; undefined for nothing of ours. */
  readonly shape: string | undefined
  readonly version: string | undefined
}

// By version 2.5 to 3.0, and from 3.1. One that says neither is given up when its time is over.
const LOADING_FAILED = /Loading failure!|Failed to load worker/
// What a worker says, just as loudly, of backends that a command left without servers.
const RUNTIME_ALERT = /CLI :|has no server available/
// Each change of a server is a line or two.
const MAX_START_LOG_BYTES = 256 * 1024

const PidRecord = z.object({ pid: z.number(), startedAt: z.string() })

const START_WITHIN_MS = 10_000
const ANSWER_WITHIN_MS = 3_000
const STOP_WITHIN_MS = 5_000
const LOOK_EVERY_MS = 10

/** HAProxy's master process: found by what it left in the run folder, so that any agent can take it over. */
export class Master {
  readonly #program: string
  readonly #layout: EdgeLayout
  readonly #launch: Launch

  constructor(program: string, layout: EdgeLayout, launch: Launch) {
    this.#program = program
    this.#layout = layout
    this.#launch = launch
  }

  /** Undefined when none runs. */
  async find(signal: AbortSignal): Promise<RunningEdge | undefined> {
    const record = await this.#readPid()
    if (record === undefined || startOf(record.pid) !== record.startedAt) return undefined
    const isAlive = (): boolean => startOf(record.pid) === record.startedAt
    // One that lives and stays silent counts as dead: a start ends it first.
    return until(
      async () => (isAlive() ? { edge: await this.#look(signal) } : { edge: undefined }),
      {
        deadlineMs: ANSWER_WITHIN_MS,
        everyMs: LOOK_EVERY_MS,
        signal,
        what: "the master's answer",
      },
    ).then(
      ({ edge }) => edge,
      () => {
        signal.throwIfAborted()
        return undefined
      },
    )
  }

  /** True when an edge was started since the run folder was made: since the last boot. */
  async wasStarted(): Promise<boolean> {
    return (await this.#readPid()) !== undefined
  }

  /** Starts the edge from its live files, after ending what is left of one before. Throws Unavailable. */
  async start(shape: string, signal: AbortSignal): Promise<void> {
    const { pidPath, startLogPath, accessLogPath, masterSocket } = this.#layout
    await this.stop(signal)
    await writeFile(startLogPath, '', { mode: 0o600 })
    const pid = await this.#launch({
      program: this.#program,
      args: ['-W', '-S', `${masterSocket},mode,600`, '-f', this.#configPath],
      outputPath: accessLogPath,
      errorPath: startLogPath,
    })
    const startedAt = startOf(pid)
    if (startedAt !== undefined) {
      await writeFile(pidPath, JSON.stringify({ pid, startedAt }), { mode: 0o600 })
    }
    await this.#untilServing(shape, startOf(pid) === undefined ? undefined : pid, signal).catch(
      async (cause: unknown) => {
        signal.throwIfAborted()
        throw notServing('start', await this.#lastWords(), cause)
      },
    )
  }

  /** Lets a new worker with the live files take over. Throws Unavailable when it does not; the old one serves on. */
  async reload(shape: string, signal: AbortSignal): Promise<void> {
    const record = await this.#readPid()
    await writeFile(this.#layout.startLogPath, '', { mode: 0o600 })
    await ask(this.#layout.masterSocket, 'reload', signal).catch(() => signal.throwIfAborted())
    try {
      await this.#untilServing(shape, record?.pid, signal)
    } catch (cause) {
      signal.throwIfAborted()
      throw notServing('take the new table over', await this.#lastWords(), cause)
    }
    await this.#removeWorkerSockets(workerSocketOf(this.#layout, shape))
  }

  /** HAProxy goes on talking where it spoke while starting; what it said is of no use after. */
  async boundStartLog(): Promise<void> {
    const { startLogPath } = this.#layout
    const size = await stat(startLogPath).then(
      (found) => found.size,
      () => 0,
    )
    if (size > MAX_START_LOG_BYTES) await truncate(startLogPath)
  }

  /** Ends master and workers, whatever state they are in. Safe to repeat. */
  async stop(signal: AbortSignal): Promise<void> {
    const find = (): readonly number[] => findByArgument(this.#configPath)
    for (const pid of find()) sendSignal(pid, 'SIGTERM')
    const isGone = (): boolean => find().length === 0
    const waiting = { deadlineMs: STOP_WITHIN_MS, everyMs: LOOK_EVERY_MS, signal }
    await until(isGone, { ...waiting, what: 'the end of HAProxy' }).catch(async () => {
      signal.throwIfAborted()
      for (const pid of find()) sendSignal(pid, 'SIGKILL')
      await until(isGone, { ...waiting, what: 'the end of killed HAProxy' })
    })
    await rm(this.#layout.pidPath, { force: true })
  }

  async #look(signal: AbortSignal): Promise<RunningEdge> {
    const workers = parseWorkers(await ask(this.#layout.masterSocket, 'show proc', signal))
    const status = await ask(this.#layout.masterSocket, '@1 show info', signal)
    // While a reload begins the master hangs up without a word.
    if (workers.masterPid === undefined || !status.includes('Version:')) {
      throw new Error('half an answer')
    }
    const version = /^Version: (?<version>\S+)/m.exec(status)?.groups?.['version']
    return { ...workers, shape: parseShapeHash(status), version }
  }

  /** Removes what a stopped edge left in the run folder. */
  async removeRunFiles(): Promise<void> {
    const { masterSocket, startLogPath, pidPath, jailDir } = this.#layout
    const paths = [masterSocket, startLogPath, pidPath, jailDir]
    await Promise.all(paths.map((path) => rm(path, { recursive: true, force: true })))
    await this.#removeWorkerSockets(undefined)
  }

  get #configPath(): string {
    return join(this.#layout.liveDir, CONFIG_FILE)
  }

  async #untilServing(shape: string, pid: number | undefined, signal: AbortSignal): Promise<void> {
    const socket = workerSocketOf(this.#layout, shape)
    let hasFailed = false
    const isServing = async (): Promise<boolean> => {
      hasFailed = pid === undefined || startOf(pid) === undefined || (await this.#hasGivenUp())
      if (hasFailed) return true
      return parseShapeHash(await ask(socket, 'show info', signal)) === shape
    }
    await until(isServing, {
      deadlineMs: START_WITHIN_MS,
      everyMs: LOOK_EVERY_MS,
      signal,
      what: 'a worker of the new shape',
    })
    if (hasFailed) throw new Error('HAProxy gave up')
  }

  async #hasGivenUp(): Promise<boolean> {
    return LOADING_FAILED.test(await this.#startLog())
  }

  async #startLog(): Promise<string> {
    return readFile(this.#layout.startLogPath, 'utf8').catch(() => '')
  }

  async #lastWords(): Promise<string> {
    const text = await this.#startLog()
    return text
      .split('\n')
      .filter((line) => line.includes('[ALERT]') && !RUNTIME_ALERT.test(line))
      .slice(-3)
      .join('\n')
  }

  async #readPid(): Promise<z.infer<typeof PidRecord> | undefined> {
    try {
      return PidRecord.parse(JSON.parse(await readFile(this.#layout.pidPath, 'utf8')))
    } catch {
      return undefined
    }
  }

  async #removeWorkerSockets(except: string | undefined): Promise<void> {
    const names = await readdir(this.#layout.runDir)
    const unwanted = names
      .filter((name) => /^worker-\w+\.sock/.test(name))
      .map((name) => join(this.#layout.runDir, name))
      .filter((path) => path !== except)
    await Promise.all(unwanted.map((path) => rm(path, { force: true })))
  }
}
