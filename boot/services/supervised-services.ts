import { spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { PolisError } from '@polis/lib/error'
import { until } from '@polis/lib/until'
import { findJson, replaceFile } from '../files.ts'
import type { Home } from '../home.ts'
import { isRunning, sendSignal } from '../supervisor/incarnation.ts'
import { listPath, ServiceList, statusPath, SupervisorStatus } from '../supervisor/supervisor.ts'
import type { Service, ServiceRunner, ServiceStatus } from './service.ts'

export interface SupervisedServicesOptions {
  readonly home: Home
  /** Program and arguments of `polis supervise`. */
  readonly command: readonly [string, ...string[]]
  readonly env: Readonly<Record<string, string>>
}

const APPLY_MS = 90_000
const LEAVE_MS = 15_000

/** Polis' own supervisor, one for each POLIS_HOME; it is brought up when it is needed and does not run. */
export class SupervisedServices implements ServiceRunner {
  readonly type = 'supervisor'
  readonly #options: SupervisedServicesOptions

  constructor(options: SupervisedServicesOptions) {
    this.#options = options
  }

  async ensure(services: readonly Service[], signal: AbortSignal): Promise<void> {
    const { runDir } = this.#options.home
    const before = findJson(listPath(runDir), ServiceList)?.generation ?? 0
    const generation = before + 1
    replaceFile(listPath(runDir), JSON.stringify({ generation, services }))
    const running = this.#findStatus()
    const started = running === undefined ? this.#startSupervisor() : undefined
    if (running !== undefined) sendSignal(running.incarnation, 'SIGHUP')
    const isSettled = (): boolean =>
      started?.failure !== undefined || this.#findStatus()?.generation === generation
    const what = 'the supervisor starts services'
    await until(isSettled, { deadlineMs: APPLY_MS, everyMs: 20, signal, what })
    if (started?.failure !== undefined) throw started.failure
  }

  async list(): Promise<readonly ServiceStatus[]> {
    const services = this.#findStatus()?.services ?? []
    return services.map(({ name, pid, restarts }) => ({ name, pid, restarts }))
  }

  async leave(signal: AbortSignal): Promise<void> {
    const status = this.#findStatus()
    if (status === undefined) return
    sendSignal(status.incarnation, 'SIGTERM')
    const isGone = (): boolean => !isRunning(status.incarnation)
    await until(isGone, { deadlineMs: LEAVE_MS, everyMs: 20, signal, what: 'the supervisor ends' })
  }

  /** Of the supervisor that runs. */
  #findStatus(): SupervisorStatus | undefined {
    const status = findJson(statusPath(this.#options.home.runDir), SupervisorStatus)
    return status !== undefined && isRunning(status.incarnation) ? status : undefined
  }

  #startSupervisor(): { failure?: PolisError } {
    const { home, command, env } = this.#options
    const [program, ...args] = command
    const logPath = join(home.logsDir, 'supervisor.log')
    const log = openSync(logPath, 'a', 0o600)
    const child = spawn(program, args, {
      cwd: '/',
      detached: true,
      env: { ...env, POLIS_HOME: home.root },
      stdio: ['ignore', log, log],
    })
    closeSync(log)
    const started: { failure?: PolisError } = {}
    const fail = (cause: unknown): void => {
      const hint = `look into ${logPath}`
      started.failure = new PolisError('Unavailable', 'the supervisor does not start', {
        cause,
        hint,
      })
    }
    child.on('error', fail)
    child.on('exit', (code) => fail(new Error(`it ended with ${code}`)))
    child.unref()
    return started
  }
}
