import type { DockerClient } from '@polis/engine-docker/client'
import type { Nothing, ObservedDevice } from '@polis/hal/driver'
import type {
  LogLine,
  LogsRequest,
  NetworkSpec,
  ObservedTask,
  OrchestratorPort,
  ResolvedImage,
  TaskChange,
  TaskSpec,
} from '@polis/hal/orchestrator'
import type { Clock } from '@polis/lib/clock'
import type { Logger } from '@polis/lib/logger'
import type { SwarmParameters } from './config.ts'
import { type DeviceDeps, ensureDevice, observeDevice, removeSwarm } from './device.ts'
import type { RunOnNode } from './host-network.ts'
import { resolveImage } from './images.ts'
import { Inventory } from './inventory.ts'
import { readLogs } from './logs.ts'
import { Networks } from './networks.ts'
import { SwarmApi } from './swarm-api.ts'
import { TaskWatch } from './task-watch.ts'
import { Tasks } from './tasks.ts'

export interface SwarmOrchestratorDeps {
  readonly docker: DockerClient
  readonly containerdSocketPath: string
  readonly runOnNode: RunOnNode
  readonly parameters: SwarmParameters
  readonly installationUid: string
  readonly clock: Clock
  readonly logger: Logger
}

/** The orchestrator port on Swarm: each task is a service of one replica, named after the task's uid. */
export class SwarmOrchestrator implements OrchestratorPort {
  readonly #deps: SwarmOrchestratorDeps
  readonly #api: SwarmApi
  readonly #device: DeviceDeps
  readonly #networks: Networks
  readonly #tasks: Tasks
  readonly #inventory: Inventory

  constructor(deps: SwarmOrchestratorDeps) {
    const { docker, installationUid, parameters, runOnNode, clock } = deps
    this.#deps = deps
    const api = new SwarmApi(docker, installationUid)
    const networks = new Networks({ api, pool: parameters.networkPool, runOnNode, clock })
    this.#api = api
    this.#device = { api, parameters, runOnNode }
    this.#networks = networks
    this.#tasks = new Tasks({ api, networks, parameters, clock })
    this.#inventory = new Inventory(api)
  }

  async ensureDevice(_input: Nothing, signal: AbortSignal): Promise<ObservedDevice> {
    signal.throwIfAborted()
    return ensureDevice(this.#device, signal)
  }

  async observeDevice(_input: Nothing, signal: AbortSignal): Promise<ObservedDevice> {
    signal.throwIfAborted()
    return observeDevice(this.#device, signal)
  }

  async removeDevice(_input: Nothing, signal: AbortSignal): Promise<Nothing> {
    signal.throwIfAborted()
    const node = await this.#api.node(signal)
    if (node.Swarm.ControlAvailable) {
      const { tasks } = await this.listTasks({}, signal)
      await Promise.all(tasks.map(({ uid }) => this.#tasks.remove(uid, signal)))
      for (const uid of await this.#networks.list(signal)) await this.#networks.remove(uid, signal)
    }
    await removeSwarm(this.#device, signal)
    return {}
  }

  async ensureNetwork(input: NetworkSpec, signal: AbortSignal): Promise<Nothing> {
    signal.throwIfAborted()
    await this.#networks.ensure(input, signal)
    return {}
  }

  async removeNetwork({ uid }: { uid: string }, signal: AbortSignal): Promise<Nothing> {
    signal.throwIfAborted()
    await this.#networks.remove(uid, signal)
    return {}
  }

  async listNetworks(_input: Nothing, signal: AbortSignal): Promise<{ uids: string[] }> {
    return { uids: [...(await this.#networks.list(signal))] }
  }

  async ensureTask(spec: TaskSpec, signal: AbortSignal): Promise<Nothing> {
    signal.throwIfAborted()
    await this.#tasks.ensure(spec, signal)
    return {}
  }

  async removeTask({ uid }: { uid: string }, signal: AbortSignal): Promise<Nothing> {
    signal.throwIfAborted()
    await this.#tasks.remove(uid, signal)
    return {}
  }

  async listTasks(_input: Nothing, signal: AbortSignal): Promise<{ tasks: ObservedTask[] }> {
    return { tasks: await this.#inventory.listTasks(signal) }
  }

  watchTasks(_input: Nothing, signal: AbortSignal): AsyncIterable<TaskChange> {
    const { containerdSocketPath, clock, logger } = this.#deps
    const shared = { api: this.#api, inventory: this.#inventory }
    const watch = { ...shared, containerdSocketPath, clock, logger }
    return new TaskWatch(watch).run(signal)
  }

  resolveImage({ reference }: { reference: string }, signal: AbortSignal): Promise<ResolvedImage> {
    return resolveImage(this.#deps.docker, reference, signal)
  }

  logs(request: LogsRequest, signal: AbortSignal): AsyncIterable<LogLine> {
    return readLogs({ api: this.#api, clock: this.#deps.clock }, request, signal)
  }
}
