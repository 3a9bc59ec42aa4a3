import { lastOutput } from '@polis/engine-docker/container-logs'
import type { ObservedTask } from '@polis/hal/orchestrator'
import type {
  InspectedContainer,
  ListedContainer,
  SwarmService,
  SwarmTask,
} from './engine-types.ts'
import { hasCode } from './errors.ts'
import { GATEWAY_NETWORK } from './gateway.ts'
import { TASK_LABEL } from './labels.ts'
import { isOver, type TaskEvidence, toObservedTask } from './observe-task.ts'
import type { SwarmApi } from './swarm-api.ts'

/** The end of a container's process, told by containerd. */
export interface Exit {
  readonly pid: number
  readonly exitCode: number
}

interface Listing {
  readonly services: readonly SwarmService[]
  readonly tasks: readonly SwarmTask[]
  readonly containers: readonly ListedContainer[]
}

const LAST_LINES_BYTES = 2000

/** Reads what the engine says of this installation's tasks, and remembers what cannot change any more. */
export class Inventory {
  readonly #api: SwarmApi
  readonly #exits = new Map<string, Exit>()
  /** Inspected containers by id, good as long as the listing says the same of them. */
  readonly #inspected = new Map<string, { listed: string; container: InspectedContainer }>()
  readonly #lastLines = new Map<string, string>()
  /** Ends of each task that were seen; Swarm itself forgets all but the last few. */
  readonly #ends = new Map<string, { seen: ReadonlySet<string>; count: number }>()

  #localNode: string | undefined

  constructor(api: SwarmApi) {
    this.#api = api
  }

  /** From now on the container's process counts as ended, also while the engine says otherwise. */
  noteExit(containerId: string, exit: Exit): void {
    this.#exits.set(containerId, exit)
    this.#inspected.delete(containerId)
  }

  /** All tasks of the installation. */
  async listTasks(signal: AbortSignal): Promise<ObservedTask[]> {
    const listing = await this.#list(undefined, signal)
    this.#forgetAllBut(listing)
    this.#localNode = undefined
    return this.#observe(listing, signal)
  }

  /** One task; undefined when nothing of it is left. */
  async findTask(uid: string, signal: AbortSignal): Promise<ObservedTask | undefined> {
    const [task] = await this.#observe(await this.#list(uid, signal), signal)
    if (task === undefined) this.#ends.delete(uid)
    return task
  }

  async #list(uid: string | undefined, signal: AbortSignal): Promise<Listing> {
    const [services, tasks, containers] = await Promise.all([
      this.#api.services(uid, signal),
      this.#api.tasks(uid, signal),
      this.#api.containers(uid, signal),
    ])
    return { services, tasks, containers }
  }

  async #observe(listing: Listing, signal: AbortSignal): Promise<ObservedTask[]> {
    const tasks = Map.groupBy(listing.tasks, (task) => uidOf(task.Spec.ContainerSpec?.Labels))
    const containers = Map.groupBy(listing.containers, ({ Labels }) => uidOf(Labels))
    const served = new Set(listing.services.map(({ Spec }) => uidOf(Spec.Labels)))
    const running = listing.containers.filter(isRunning).map(({ Labels }) => uidOf(Labels))
    const uids = [...new Set([...served, ...running])].toSorted()
    if (uids.length === 0) return []
    const addresses = running.length === 0 ? new Map() : await this.#addresses(signal)
    this.#localNode ??= (await this.#api.node(signal)).Swarm.NodeID
    const localNode = this.#localNode
    return Promise.all(
      uids.map(async (uid) => {
        const swarmTasks = (tasks.get(uid) ?? []).toSorted(byAge)
        const container = await this.#choose(containers.get(uid) ?? [], signal)
        const known = { uid, swarmTasks, container }
        return toObservedTask({
          ...known,
          ...(await this.#complete(known, addresses, signal)),
          localNode,
        })
      }),
    )
  }

  async #complete(
    known: Pick<TaskEvidence, 'uid' | 'swarmTasks' | 'container'>,
    addresses: ReadonlyMap<string, string>,
    signal: AbortSignal,
  ): Promise<Pick<TaskEvidence, 'exit' | 'address' | 'lastLines' | 'restarts'>> {
    const { uid, swarmTasks, container } = known
    const noted = container === undefined ? undefined : this.#exits.get(container.Id)
    // A container that somebody started again has another process than the one that ended.
    const isOfThisProcess = noted?.pid === container?.State.Pid || container?.State.Pid === 0
    const exit = isOfThisProcess ? noted : undefined
    const hasEnded = container !== undefined && (!container.State.Running || exit !== undefined)
    return {
      exit,
      address: container === undefined ? undefined : addressOf(container, addresses),
      lastLines: hasEnded ? await this.#readLastLines(container, signal) : '',
      restarts: this.#countRestarts(uid, swarmTasks),
    }
  }

  /** The running container, else the last that ran, else the last that was made. */
  async #choose(
    all: readonly ListedContainer[],
    signal: AbortSignal,
  ): Promise<InspectedContainer | undefined> {
    const byCreation = all.toSorted((a, b) => a.Created - b.Created)
    const hasRun = ({ State }: ListedContainer): boolean => State !== 'created'
    const chosen =
      byCreation.findLast(isRunning) ?? byCreation.findLast(hasRun) ?? byCreation.at(-1)
    return chosen === undefined ? undefined : this.#inspect(chosen, signal)
  }

  async #inspect(
    { Id, State, Status }: ListedContainer,
    signal: AbortSignal,
  ): Promise<InspectedContainer | undefined> {
    const listed = `${State} ${/\((?:un)?health[^)]*\)/.exec(Status)?.[0] ?? ''}`
    const known = this.#inspected.get(Id)
    if (known?.listed === listed) return known.container
    const container = await this.#api.findContainer(Id, signal)
    if (container !== undefined) this.#inspected.set(Id, { listed, container })
    return container
  }

  async #addresses(signal: AbortSignal): Promise<ReadonlyMap<string, string>> {
    const bridge = await this.#api.findNetwork(GATEWAY_NETWORK, signal)
    return new Map(
      Object.entries(bridge?.Containers ?? {}).flatMap(([id, { Name, IPv4Address }]) => {
        const address = IPv4Address.replace(/\/.*$/, '')
        return [
          [id, address],
          [Name, address],
        ] as const
      }),
    )
  }

  async #readLastLines(container: InspectedContainer, signal: AbortSignal): Promise<string> {
    const known = this.#lastLines.get(container.Id)
    if (known !== undefined) return known
    if (container.State.Status === 'created') return ''
    const lines = await this.#tryLastOutput(container.Id, signal)
    this.#lastLines.set(container.Id, lines)
    return lines
  }

  /** Only an explanation: what cannot be read is left out. */
  async #tryLastOutput(id: string, signal: AbortSignal): Promise<string> {
    try {
      return (await lastOutput(this.#api.docker, id, signal)).slice(-LAST_LINES_BYTES)
    } catch (error) {
      signal.throwIfAborted()
      if (hasCode(error, 'Unavailable')) throw error
      return ''
    }
  }

  #countRestarts(uid: string, tasks: readonly SwarmTask[]): number {
    const over = tasks.filter((task) => isOver(task) && task.Status.State !== 'rejected')
    const before = this.#ends.get(uid) ?? { seen: new Set(), count: 0 }
    const count = before.count + over.filter(({ ID }) => !before.seen.has(ID)).length
    this.#ends.set(uid, { seen: new Set(over.map(({ ID }) => ID)), count })
    return count
  }

  #forgetAllBut({ containers, services }: Listing): void {
    const ids = new Set(containers.map(({ Id }) => Id))
    for (const memory of [this.#exits, this.#inspected, this.#lastLines]) {
      for (const id of memory.keys()) if (!ids.has(id)) memory.delete(id)
    }
    const uids = new Set(services.map(({ Spec }) => uidOf(Spec.Labels)))
    for (const uid of this.#ends.keys()) if (!uids.has(uid)) this.#ends.delete(uid)
  }
}

const uidOf = (labels: Readonly<Record<string, string>> | null | undefined): string =>
  labels?.[TASK_LABEL] ?? ''

const isRunning = ({ State }: ListedContainer): boolean => State === 'running'

const byAge = (a: SwarmTask, b: SwarmTask): number => (a.CreatedAt < b.CreatedAt ? -1 : 1)

/** On the node's bridge; a task without any network of its own is on the engine's default one. */
function addressOf(
  { Id, NetworkSettings: { SandboxID, Networks } }: InspectedContainer,
  addresses: ReadonlyMap<string, string>,
): string | undefined {
  const onBridge = addresses.get(Id) ?? addresses.get(`gateway_${SandboxID?.slice(0, 12) ?? ''}`)
  return onBridge ?? (Networks?.['bridge']?.IPAddress || undefined)
}
