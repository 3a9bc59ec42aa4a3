// Keeps the services of one installation running where no systemd does.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { PolisError } from '@polis/lib/error'
import { findJson, replaceFile } from '../files.ts'
import { Service, serviceHash } from '../services/service.ts'
import { findIncarnation, Incarnation } from './incarnation.ts'
import { endRecorded, KeptService, type KeptServiceDeps, serviceOfRecord } from './kept-service.ts'
import { rotateLogs, type RotationLimits } from './rotation.ts'

/** What is asked for: run/services.json. */
export const ServiceList = z
  .strictObject({ generation: z.number().int(), services: z.array(Service).readonly() })
  .readonly()
export type ServiceList = z.infer<typeof ServiceList>

/** What is so: run/supervisor.json. */
export const SupervisorStatus = z
  .strictObject({
    incarnation: Incarnation,
    /** Of the list that holds. */
    generation: z.number().int(),
    services: z
      .array(
        z.strictObject({
          name: z.string(),
          pid: z.number().int().optional(),
          restarts: z.number().int(),
        }),
      )
      .readonly(),
  })
  .readonly()
export type SupervisorStatus = z.infer<typeof SupervisorStatus>

export const listPath = (runDir: string): string => join(runDir, 'services.json')
export const statusPath = (runDir: string): string => join(runDir, 'supervisor.json')
export const lockPath = (runDir: string): string => join(runDir, 'supervisor.lock')

export interface SupervisorDeps extends KeptServiceDeps {
  readonly logLimits: RotationLimits
}

const LOOK_MS = 2000

export class Supervisor {
  readonly #deps: SupervisorDeps
  readonly #kept = new Map<string, KeptService>()
  #generation = -1
  #statusText = ''
  #applying: Promise<void> = Promise.resolve()

  constructor(deps: SupervisorDeps) {
    this.#deps = deps
  }

  /** Makes what run/services.json says true; calls wait for each other. */
  apply(): Promise<void> {
    const applied = this.#applying.then(() => this.#apply())
    this.#applying = applied.catch(() => undefined)
    return applied
  }

  /** Watches until the signal aborts; services then go on without it. */
  async watch(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        rotateLogs(this.#deps.logsDir, this.#deps.logLimits)
        this.#writeStatus()
      } catch (error) {
        this.#deps.logger.error('cannot write', { error: String(error) })
      }
      await this.#deps.clock.sleep(LOOK_MS, signal).catch(() => undefined)
    }
    await this.#applying
    await Promise.all([...this.#kept.values()].map((kept) => kept.leave()))
  }

  async #apply(): Promise<void> {
    const { runDir } = this.#deps
    const list = findJson(listPath(runDir), ServiceList)
    if (list === undefined) throw new PolisError('FailedPrecondition', 'no list of services')
    await this.#endOthers(new Set(list.services.map(({ name }) => name)))
    for (const service of list.services) await this.#ensure(service)
    this.#generation = list.generation
    this.#writeStatus()
  }

  /** Ends what is not asked for any more, this supervisor's own and what earlier ones left. */
  async #endOthers(wanted: ReadonlySet<string>): Promise<void> {
    const recorded = readdirSync(this.#deps.runDir)
      .map((file) => serviceOfRecord(file))
      .filter((name) => name !== undefined)
    const ending = [...new Set([...this.#kept.keys(), ...recorded])].filter((n) => !wanted.has(n))
    await Promise.all(
      ending.map(async (name) => {
        await this.#kept.get(name)?.leave()
        await endRecorded(this.#deps.runDir, name)
        this.#kept.delete(name)
        this.#deps.logger.info('service stopped', { service: name })
      }),
    )
  }

  async #ensure(service: Service): Promise<void> {
    const before = this.#kept.get(service.name)
    if (before !== undefined) {
      if (serviceHash(before.service) === serviceHash(service)) return
      await before.leave()
    }
    const kept = new KeptService(service, this.#deps)
    this.#kept.set(service.name, kept)
    await kept.keep()
  }

  #writeStatus(): void {
    const incarnation = findIncarnation(process.pid)
    if (incarnation === undefined || this.#generation < 0) return
    const services = [...this.#kept].map(([name, kept]) => {
      const { incarnation: running, restarts } = kept.status
      return { name, restarts, ...(running === undefined ? {} : { pid: running.pid }) }
    })
    const status: SupervisorStatus = { incarnation, generation: this.#generation, services }
    const text = JSON.stringify(status)
    if (text === this.#statusText) return
    replaceFile(statusPath(this.#deps.runDir), text)
    this.#statusText = text
  }
}
