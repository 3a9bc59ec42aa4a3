import type { TaskSpec } from '@polis/hal/orchestrator'
import type { Clock } from '@polis/lib/clock'
import { PolisError } from '@polis/lib/error'
import type { SwarmParameters } from './config.ts'
import type { SwarmService } from './engine-types.ts'
import { hasCode } from './errors.ts'
import { nameOf, SPEC_LABEL } from './labels.ts'
import type { Networks } from './networks.ts'
import { isOver } from './observe-task.ts'
import { specHash, toServiceSpec } from './service-spec.ts'
import type { SwarmApi } from './swarm-api.ts'

interface TasksDeps {
  readonly api: SwarmApi
  readonly networks: Networks
  readonly parameters: SwarmParameters
  readonly clock: Clock
}

const POLL_MS = 100

/** Makes and ends the Swarm services that tasks are. */
export class Tasks {
  readonly #deps: TasksDeps

  constructor(deps: TasksDeps) {
    this.#deps = deps
  }

  async ensure(spec: TaskSpec, signal: AbortSignal): Promise<void> {
    const { api, networks, parameters } = this.#deps
    const found = await api.findService(nameOf(spec.uid), signal)
    if (found !== undefined) return this.#requireSame(found, spec)
    requirePinned(spec.image)
    const networkIds = await networks.ids(
      spec.networks.map(({ uid }) => uid),
      signal,
    )
    const { installationUid } = api
    const service = toServiceSpec(spec, { installationUid, parameters, networkIds })
    try {
      await api.createService(service, signal)
    } catch (error) {
      if (!hasCode(error, 'AlreadyExists')) throw error
      // The call before this one got through although its caller did not hear of it.
      const made = await api.findService(nameOf(spec.uid), signal)
      if (made !== undefined) this.#requireSame(made, spec)
    }
  }

  async remove(uid: string, signal: AbortSignal): Promise<void> {
    const { api, clock } = this.#deps
    const found = await api.findService(nameOf(uid), signal)
    if (found !== undefined && api.isOurs(found.Spec.Labels)) {
      await api.removeService(found.ID, signal)
    }
    while (await this.#runs(uid, signal)) await clock.sleep(POLL_MS, signal)
  }

  #requireSame({ Spec }: SwarmService, spec: TaskSpec): void {
    if (!this.#deps.api.isOurs(Spec.Labels)) {
      throw new PolisError('AlreadyExists', `service ${Spec.Name} is someone else's`)
    }
    if (Spec.Labels?.[SPEC_LABEL] === specHash(spec)) return
    throw new PolisError('FailedPrecondition', `task ${spec.uid} exists with another spec`)
  }

  /** Whether anything of a task whose service is removed still runs, here or on another node. */
  async #runs(uid: string, signal: AbortSignal): Promise<boolean> {
    const { api } = this.#deps
    const [containers, tasks] = await Promise.all([
      api.containers(uid, signal),
      api.tasks(uid, signal),
    ])
    if (containers.some(({ State }) => State === 'running' || State === 'paused')) return true
    const placed = tasks.filter((task) => !isOver(task) && task.NodeID !== undefined)
    if (placed.length === 0) return false
    // Swarm goes on believing for a day that a dead node runs what it ran.
    const nodes = await api.swarmNodes(signal)
    const dead = new Set(nodes.filter(({ Status }) => Status.State === 'down').map(({ ID }) => ID))
    return placed.some(({ NodeID }) => !dead.has(NodeID ?? ''))
  }
}

/** Swarm would look a tag up, or take whatever the node happens to have by that name. */
function requirePinned(image: string): void {
  if (/(?:^|@)sha256:[0-9a-f]{64}$/.test(image)) return
  throw new PolisError('InvalidArgument', `image ${image} is not pinned`, {
    path: 'image',
    hint: 'use the `pinned` of resolveImage',
  })
}
