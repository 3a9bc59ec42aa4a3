import type { Service } from '@polis/resources/service'
import type { Task } from '@polis/resources/task'
import { decideRollout, type RolloutDecision } from './rollout.ts'

const TEMPLATE: Task['spec']['template'] = {
  image: 'sha256:1',
  stopGracePeriodMs: 0,
  environment: {},
  environmentFrom: {},
  labels: {},
  resources: {},
  mounts: [],
  aliases: [],
}

export interface TaskSketch {
  readonly slot: number
  /** Name of the version it was made from. */
  readonly version: string
  readonly state?: Task['status']['state']
  /** Whether the edge sends traffic to the very incarnation that runs. */
  readonly isRouted?: boolean
  readonly isLeaving?: boolean
  readonly restarts?: number
  /** Order in which tasks were made. */
  readonly number?: number
}

/** A task in a few words. */
export function toTask(sketch: TaskSketch): Task {
  const { slot, version, state = 'running', isRouted = true, isLeaving = false } = sketch
  const { number = 1, restarts = 0 } = sketch
  const uid = `${slot}-${version}-${number}`
  const isRunning = state === 'running' || state === 'starting' || state === 'unhealthy'
  return {
    kind: 'Task',
    metadata: {
      uid,
      name: uid,
      ownerUid: 'web',
      generation: 1,
      createdAt: new Date(number * 1_000).toISOString(),
      ...(isLeaving ? { deletionRequestedAt: '2026-01-01T00:00:00Z' } : {}),
    },
    spec: { serviceUid: 'web', revisionUid: 'r', slot, template: TEMPLATE, templateHash: version },
    status: {
      observedGeneration: 1,
      conditions: [],
      state,
      message: state === 'running' ? '' : `it is ${state}`,
      restarts,
      mountedAttachmentUids: [],
      ...(isRunning ? { incarnation: `${uid}-${restarts}` } : {}),
      ...(isRunning && isRouted ? { routedIncarnation: `${uid}-${restarts}` } : {}),
    },
    revision: 1,
  }
}

export function toService(replicas: number, updateOrder: Service['spec']['updateOrder']): Service {
  return {
    kind: 'Service',
    metadata: { uid: 'web', name: 'web', generation: 1, createdAt: '2026-01-01T00:00:00Z' },
    spec: {
      instanceUid: 'i',
      revisionUid: 'r',
      imageUid: 'img',
      serviceName: 'web',
      replicas,
      template: TEMPLATE,
      dependsOn: [],
      updateOrder,
      exposedPorts: [],
    },
    status: { observedGeneration: 0, conditions: [], updatedReplicas: 0, runningReplicas: 0 },
    revision: 1,
  }
}

/** What a simulated world has of a task. */
interface SimulatedTask {
  readonly slot: number
  readonly version: string
  readonly number: number
  state: 'starting' | 'running' | 'exited'
  isRouted: boolean
  isLeaving: boolean
  restarts: number
}

/** Engine, edge and controllers of one routed service, moved by a test one step at a time. */
export class SimulatedService {
  replicas: number
  version = 'v1'
  readonly updateOrder: Service['spec']['updateOrder']
  /** Versions whose tasks start but never run for long. */
  readonly #broken: ReadonlySet<string>
  #tasks: SimulatedTask[] = []
  #made = 0

  constructor(
    replicas: number,
    updateOrder: Service['spec']['updateOrder'],
    broken: ReadonlySet<string> = new Set(),
  ) {
    this.replicas = replicas
    this.updateOrder = updateOrder
    this.#broken = broken
  }

  get tasks(): readonly Readonly<SimulatedTask>[] {
    return this.#tasks
  }

  isServing(task: Readonly<SimulatedTask>): boolean {
    return task.state === 'running' && task.isRouted && !task.isLeaving
  }

  /** Slots, up to the wanted number, where somebody serves. */
  servingSlots(): ReadonlySet<number> {
    const serving = this.#tasks.filter((task) => this.isServing(task) && task.slot <= this.replicas)
    return new Set(serving.map(({ slot }) => slot))
  }

  decide(): RolloutDecision {
    return decideRollout({
      service: toService(this.replicas, this.updateOrder),
      tasks: this.#tasks.map(toTask),
      templateHash: this.version,
      isRouted: true,
    })
  }

  /** Decides and acts once, as the service's reconciler does. */
  reconcile(): RolloutDecision {
    const decision = this.decide()
    for (const move of decision.moves) {
      if (move.type === 'create') this.#create(move.slot)
      else {
        const task = this.#tasks.find(
          (candidate) => toTask(candidate).metadata.uid === move.task.metadata.uid,
        )
        if (task !== undefined) task.isLeaving = true
      }
    }
    return decision
  }

  /** Lets the world do the next thing with one of its tasks. */
  progress(pick: number): void {
    const task = this.#tasks[pick % Math.max(1, this.#tasks.length)]
    if (task === undefined) return
    if (task.isLeaving) {
      if (task.isRouted) task.isRouted = false
      else this.#tasks = this.#tasks.filter((other) => other !== task)
    } else if (task.state === 'exited') {
      task.state = 'starting'
      task.restarts += 1
    } else if (this.#broken.has(task.version)) {
      task.state = 'exited'
    } else if (task.state === 'starting') {
      task.state = 'running'
    } else {
      task.isRouted = true
    }
  }

  /** A container dies; the edge sends nothing to it from then on. */
  crash(pick: number): void {
    const task = this.#tasks[pick % Math.max(1, this.#tasks.length)]
    if (task === undefined) return
    task.state = 'exited'
    task.isRouted = false
  }

  /** Reconciles and progresses everything in turn until nothing moves. Returns false when that takes too long. */
  settle(): boolean {
    for (let round = 0; round < 500; round += 1) {
      const { moves } = this.reconcile()
      const isCalm = this.#tasks.every((task) => this.isServing(task))
      if (moves.length === 0 && isCalm) return true
      for (const task of this.#tasks.slice()) this.progress(this.#tasks.indexOf(task))
    }
    return false
  }

  #create(slot: number): void {
    this.#made += 1
    this.#tasks.push({
      slot,
      version: this.version,
      number: this.#made,
      state: 'starting',
      isRouted: false,
      isLeaving: false,
      restarts: 0,
    })
  }
}
