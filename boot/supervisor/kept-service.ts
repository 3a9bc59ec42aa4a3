// One service of the supervisor: started or adopted, started again when it ends.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { backoffMs } from '@polis/lib/backoff'
import type { Clock } from '@polis/lib/clock'
import type { Logger } from '@polis/lib/logger'
import { newUid } from '@polis/lib/uid'
import { until } from '@polis/lib/until'
import { z } from 'zod'
import { findJson, replaceFile } from '../files.ts'
import { type Service, serviceHash } from '../services/service.ts'
import {
  findByEnvironment,
  findIncarnation,
  Incarnation,
  isRunning,
  programOf,
  sendSignal,
} from './incarnation.ts'

/**
 * What was started, on disk before and after the start: a supervisor that is killed between the two finds the program
 * by the nonce in its environment, so that there are never two.
 */
const StartRecord = z.strictObject({
  hash: z.string(),
  nonce: z.string(),
  program: z.string(),
  stopTimeoutMs: z.number(),
  incarnation: Incarnation.optional(),
})
type StartRecord = z.infer<typeof StartRecord>

export interface KeptServiceDeps {
  readonly runDir: string
  readonly logsDir: string
  readonly clock: Clock
  readonly logger: Logger
  readonly random: () => number
}

const BACKOFF = { firstMs: 200, maxMs: 15_000 } as const
/** After running this long an end is a first failure again. */
const STEADY_MS = 30_000
/** An adopted program is no child: its end is seen by looking. */
const LOOK_MS = 500
const NONCE = 'POLIS_SERVICE_START'

const RECORD = /^service-(?<name>[a-z0-9-]+)\.json$/
const recordPath = (runDir: string, name: string): string => join(runDir, `service-${name}.json`)

/** The service's name when `file` is the record of one. */
export function serviceOfRecord(file: string): string | undefined {
  return RECORD.exec(file)?.groups?.['name']
}

/** The program of a record that still runs. */
function findRunning({ nonce, program, incarnation }: StartRecord): Incarnation | undefined {
  if (incarnation === undefined) return findByEnvironment(`${NONCE}=${nonce}`, program)
  return isRunning(incarnation) ? incarnation : undefined
}

/** Ends what the record of a service says is running, and forgets it. Safe to repeat. */
export async function endRecorded(runDir: string, name: string): Promise<void> {
  const record = findJson(recordPath(runDir, name), StartRecord)
  const running = record === undefined ? undefined : findRunning(record)
  if (record !== undefined && running !== undefined) {
    await endRunning(running, record.stopTimeoutMs)
  }
  rmSync(recordPath(runDir, name), { force: true })
}

async function endRunning(running: Incarnation, stopTimeoutMs: number): Promise<void> {
  const isGone = (): boolean => !isRunning(running)
  sendSignal(running, 'SIGTERM')
  try {
    await until(isGone, { deadlineMs: stopTimeoutMs, everyMs: 20, what: 'the service ends' })
  } catch {
    sendSignal(running, 'SIGKILL')
    await until(isGone, { deadlineMs: 10_000, everyMs: 20, what: 'the service is killed' })
  }
}

/** Takes away pid files that name no running program of that name. */
function removeStalePidFiles({ stalePidFiles, program }: Service): void {
  for (const path of stalePidFiles) {
    try {
      const pid = Number(readFileSync(path, 'utf8').trim())
      const running = findIncarnation(pid) === undefined ? undefined : programOf(pid)
      if (running !== undefined && basename(running) === basename(realpathOf(program))) continue
    } catch {
      // No file, or nothing runs under its pid.
    }
    rmSync(path, { force: true })
  }
}

export class KeptService {
  readonly service: Service
  readonly #deps: KeptServiceDeps
  readonly #end = new AbortController()
  #running: Incarnation | undefined
  #restarts = 0
  #kept: Promise<void> | undefined

  constructor(service: Service, deps: KeptServiceDeps) {
    this.service = service
    this.#deps = deps
  }

  get status(): { readonly incarnation: Incarnation | undefined; readonly restarts: number } {
    return { incarnation: this.#running, restarts: this.#restarts }
  }

  /** Resolves when it was adopted or started for the first time; from then on it is kept running. */
  async keep(): Promise<void> {
    const adopted = await this.#adopt()
    const ended = adopted === undefined ? this.#start() : this.#untilGone(adopted)
    this.#kept = this.#restart(ended)
  }

  /** It goes on running, and nobody starts it again. */
  async leave(): Promise<void> {
    this.#end.abort()
    await this.#kept
  }

  /** Resolves when it has ended for good. */
  async stop(): Promise<void> {
    await this.leave()
    await endRecorded(this.#deps.runDir, this.service.name)
  }

  async #adopt(): Promise<Incarnation | undefined> {
    const { runDir, logger } = this.#deps
    const { name, restartsOnChange } = this.service
    const record = findJson(recordPath(runDir, name), StartRecord)
    const running = record === undefined ? undefined : findRunning(record)
    if (record === undefined || running === undefined) return undefined
    if (restartsOnChange && record.hash !== serviceHash(this.service)) {
      logger.info('service changed, ending the old one', { service: name, pid: running.pid })
      await endRecorded(runDir, name)
      return undefined
    }
    this.#write({ ...record, incarnation: running })
    this.#running = running
    logger.info('service adopted', { service: name, pid: running.pid })
    return running
  }

  #write(record: StartRecord): void {
    replaceFile(recordPath(this.#deps.runDir, this.service.name), JSON.stringify(record))
  }

  /** Gives a promise that resolves when the program has ended, or could not be started. */
  #start(): Promise<void> {
    const { logsDir, logger } = this.#deps
    const { service } = this
    const nonce = newUid()
    const program = realpathOf(service.program)
    const hash = serviceHash(service)
    const record = { hash, nonce, program, stopTimeoutMs: service.stopTimeoutMs }
    removeStalePidFiles(service)
    this.#write(record)
    const log = openSync(join(logsDir, `${service.name}.log`), 'a', 0o600)
    // Its own session and its own log file: whatever becomes of the supervisor or of a terminal, it goes on.
    const child = spawn(service.program, service.args, {
      cwd: '/',
      detached: true,
      env: { ...service.env, [NONCE]: nonce },
      stdio: ['ignore', log, log],
    })
    closeSync(log)
    const ended = once(child, 'exit').then(
      ([code, signal]) => {
        const fields = { service: service.name, code: String(code), signal: String(signal) }
        logger.warn('service ended', fields)
      },
      (error: unknown) => {
        logger.error('service cannot be started', { service: service.name, error: String(error) })
      },
    )
    this.#running = child.pid === undefined ? undefined : findIncarnation(child.pid)
    if (this.#running !== undefined) this.#write({ ...record, incarnation: this.#running })
    logger.info('service started', { service: service.name, pid: child.pid })
    return ended
  }

  async #untilGone(running: Incarnation): Promise<void> {
    while (isRunning(running)) await this.#pause(LOOK_MS)
    this.#deps.logger.warn('service ended', { service: this.service.name })
  }

  async #restart(firstEnd: Promise<void>): Promise<void> {
    const { clock, random } = this.#deps
    const left = once(this.#end.signal, 'abort').then(() => undefined)
    let failures = 0
    let ended = firstEnd
    for (let startedMs = clock.monotonicMs(); ; startedMs = clock.monotonicMs()) {
      // Whoever leaves does not wait for the program, and an error of the pause means just that.
      await Promise.race([ended.catch(() => undefined), left])
      if (this.#end.signal.aborted) return
      this.#running = undefined
      failures = clock.monotonicMs() - startedMs > STEADY_MS ? 1 : failures + 1
      await this.#pause(backoffMs(failures, { ...BACKOFF, random })).catch(() => undefined)
      if (this.#end.signal.aborted) return
      this.#restarts += 1
      ended = this.#start()
    }
  }

  #pause(delayMs: number): Promise<void> {
    return this.#deps.clock.sleep(delayMs, this.#end.signal)
  }
}

function realpathOf(program: string): string {
  try {
    return realpathSync(program)
  } catch {
    return program
  }
}

/** Whether what a supervisor started for this service, be it this one or one that is gone, runs. */
export function isServiceRunning(runDir: string, name: string): boolean {
  const record = findJson(recordPath(runDir, name), StartRecord)
  return record !== undefined && findRunning(record) !== undefined
}
