import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { AppliedTable, EdgeTable, PortOwner } from '@polis/hal/ingress'
import { findTableProblems } from '@polis/hal/ingress/table'
import { refusal } from '@polis/lib/error'
import { run } from '@polis/lib/run'
import { rotateAccessLog } from './access-log.ts'
import { findCertificateProblems } from './certificates.ts'
import type { HaproxyParameters } from './config.ts'
import { filesOf, pruneCertificates, readState, writeFiles, writeState } from './edge-disk.ts'
import { edgeFile, type EdgeFileInput, shapeHash } from './edge-file.ts'
import { type EngineAbilities, findAbilities, findUnprivileged } from './engine.ts'
import { fromFailedTest } from './errors.ts'
import { CONFIG_FILE, type EdgeLayout } from './layout.ts'
import { type Bind, findOwners, findBindProblems } from './listeners.ts'
import type { Master, RunningEdge } from './master.ts'
import { type EdgePlan, type EdgeState, planEdge } from './plan.ts'
import {
  endRevokedSessions,
  pathsOf,
  speakToOldWorker,
  speakToWorker,
  syncWorker,
} from './worker.ts'

interface EdgeDeps {
  readonly program: string
  readonly parameters: HaproxyParameters
  readonly layout: EdgeLayout
  readonly master: Master
}

/** One HAProxy and its files. Not for two calls at once: its owner lets one wait for the other. */
export class Edge {
  readonly #deps: EdgeDeps
  // Whoever was here before may have died between taking an admission back and ending its connections.
  #hasEndedRevoked = false
  #abilities: EngineAbilities | undefined

  constructor(deps: EdgeDeps) {
    this.#deps = deps
  }

  find(signal: AbortSignal): Promise<RunningEdge | undefined> {
    return this.#deps.master.find(signal)
  }

  /** Brings up what was asked for last. */
  async ensure(signal: AbortSignal): Promise<void> {
    const { table } = await readState(this.#deps.layout)
    const isFirstSinceBoot = !(await this.#deps.master.wasStarted())
    await this.apply(isFirstSinceBoot ? withoutTargets(table) : table, signal)
  }

  async apply(table: EdgeTable, signal: AbortSignal): Promise<AppliedTable['by']> {
    const { layout, parameters, master } = this.#deps
    this.#refuse(table)
    await mkdir(layout.jailDir, { recursive: true, mode: 0o755 })
    await rotateAccessLog(layout.accessLogPath)
    await master.boundStartLog()
    const previous = await readState(layout)
    const running = await master.find(signal)
    const plan = planEdge(previous, table, parameters, running?.shape === undefined)
    const input = await this.#inputOf(plan, signal)
    const shape = shapeHash(input)
    const isReshaped = running?.shape !== shape
    if (isReshaped) await this.#refuseBinds(table)
    if (isReshaped || hasNewCertificate(plan, planEdge(previous, previous.table, parameters))) {
      await this.#test(plan, input, signal)
    }
    await this.#write(plan, input)
    if (running?.shape === undefined) {
      await master.start(shape, signal)
      this.#hasEndedRevoked = true
      return 'reload'
    }
    const hasChanged = await this.#sync(plan, running.shape, signal)
    if (isReshaped) await this.#reload(plan, previous, shape, signal)
    await this.#settle(plan, shape, hasChanged || isReshaped, signal)
    if (isReshaped) return 'reload'
    return hasChanged ? 'runtime' : 'unchanged'
  }

  /** Ends HAProxy and takes away all that this edge ever wrote. */
  async remove(signal: AbortSignal): Promise<void> {
    const { layout, master } = this.#deps
    await master.stop(signal)
    const { liveDir, candidateDir, statePath, accessLogPath } = layout
    const paths = [liveDir, candidateDir, statePath, accessLogPath, `${accessLogPath}.1`]
    await Promise.all(paths.map((path) => rm(path, { recursive: true, force: true })))
    await master.removeRunFiles()
  }

  /** Foreign listeners in the way, and the edge's own of HTTP and HTTPS. */
  findOwners(wanted: readonly Bind[]): Promise<readonly PortOwner[]> {
    return findOwners(wanted, this.#deps.parameters, this.#ownArgument)
  }

  #refuse(table: EdgeTable): void {
    const problems = [
      ...findTableProblems(table, this.#deps.parameters.gatewayAddress),
      ...findCertificateProblems(table.certificates),
    ]
    if (problems.length > 0) throw refusal(problems)
  }

  async #refuseBinds(table: EdgeTable): Promise<void> {
    const problems = await findBindProblems(table, this.#deps.parameters, this.#ownArgument)
    if (problems.length > 0) throw refusal(problems)
  }

  get #ownArgument(): string {
    return join(this.#deps.layout.liveDir, CONFIG_FILE)
  }

  async #inputOf(plan: EdgePlan, signal: AbortSignal): Promise<EdgeFileInput> {
    const { parameters, layout, program } = this.#deps
    this.#abilities ??= await findAbilities(program, signal)
    const runsAs = await findUnprivileged()
    return { parameters, layout, shape: plan.shape, runsAs, abilities: this.#abilities }
  }

  /** HAProxy's own test of the whole table, beside the live one. */
  async #test(plan: EdgePlan, input: EdgeFileInput, signal: AbortSignal): Promise<void> {
    const { candidateDir } = this.#deps.layout
    const config = edgeFile(input, plan.contents, candidateDir)
    try {
      await writeFiles(candidateDir, filesOf(plan, config, candidateDir))
      await run(this.#deps.program, ['-c', '-q', '-f', join(candidateDir, CONFIG_FILE)], { signal })
    } catch (cause) {
      signal.throwIfAborted()
      throw fromFailedTest(cause)
    } finally {
      await rm(candidateDir, { recursive: true, force: true })
    }
  }

  async #write(plan: EdgePlan, input: EdgeFileInput): Promise<void> {
    const { layout } = this.#deps
    const config = edgeFile(input, plan.contents, layout.liveDir)
    await writeFiles(layout.liveDir, filesOf(plan, config, layout.liveDir))
    await writeState(layout, plan.state)
  }

  #sync(plan: EdgePlan, shape: string, signal: AbortSignal): Promise<boolean> {
    const { layout } = this.#deps
    const speak = speakToWorker(layout, shape)
    return syncWorker(speak, plan.contents, pathsOf(layout), plan.pems, signal)
  }

  // The worker that leaves holds the new table already, as far as it can: its last requests follow it too.
  async #reload(
    plan: EdgePlan,
    previous: EdgeState,
    shape: string,
    signal: AbortSignal,
  ): Promise<void> {
    try {
      await this.#deps.master.reload(shape, signal)
    } catch (cause) {
      signal.throwIfAborted()
      const { shape: now } = (await this.#deps.master.find(signal)) ?? {}
      if (now !== shape) {
        await this.#restore(previous, now, signal)
        throw cause
      }
    }
    await this.#sync(plan, shape, signal)
  }

  async #restore(
    previous: EdgeState,
    shape: string | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const before = planEdge(previous, previous.table, this.#deps.parameters)
    await this.#write(before, await this.#inputOf(before, signal))
    if (shape !== undefined) await this.#sync(before, shape, signal)
  }

  /** What follows for connections that are open already, and for files. */
  async #settle(
    plan: EdgePlan,
    shape: string,
    hasChanged: boolean,
    signal: AbortSignal,
  ): Promise<void> {
    const { layout, master } = this.#deps
    if (!hasChanged && this.#hasEndedRevoked) return
    const { oldPids = [] } = (await master.find(signal)) ?? {}
    const old = oldPids.map((pid) => speakToOldWorker(layout, pid))
    const all = [speakToWorker(layout, shape), ...old]
    await Promise.all(all.map((speak) => endRevokedSessions(speak, plan.contents, signal)))
    this.#hasEndedRevoked = true
    await pruneCertificates(layout.liveDir, new Map([...plan.pems].map(toFile)))
  }
}

function toFile([name, text]: readonly [string, string]): readonly [string, string] {
  return [join('tls', name), text]
}

function hasNewCertificate(plan: EdgePlan, before: EdgePlan): boolean {
  return [...plan.pems.keys()].some((file) => !before.pems.has(file))
}

// After a boot every address may be somebody else's: routes wait for the next table before they lead anywhere.
function withoutTargets(table: EdgeTable): EdgeTable {
  return {
    ...table,
    http: table.http.map((route) => ({ ...route, endpoints: [] })),
    ports: table.ports.map((route) => ({ ...route, endpoints: [] })),
    gateway: table.gateway.map((route) => ({ ...route, upstreams: [], admitted: [] })),
  }
}
