import type { Service } from '@polis/resources/service'
import type { Task } from '@polis/resources/task'

/** One move of a roll-out. */
export type RolloutMove =
  | { readonly type: 'create'; readonly slot: number }
  | { readonly type: 'remove'; readonly task: Task; readonly why: string }

export interface RolloutInput {
  readonly service: Service
  /** All tasks of the service, those that are going too. */
  readonly tasks: readonly Task[]
  /** Digest of the service's template. */
  readonly templateHash: string
  /** Whether a task of this service must be sent traffic before it counts as there: it has a domain or a port. */
  readonly isRouted: boolean
}

export interface RolloutDecision {
  readonly moves: readonly RolloutMove[]
  /** Every slot holds exactly one task, of the newest template, serving. */
  readonly isConverged: boolean
  /** Why the newest template cannot be brought up, when it has failed for good. */
  readonly failure: string | undefined
}

/** Starts of one container after which its version counts as broken. */
const MAX_RESTARTS = 3

/**
 * What to do next so that a service's tasks become what its spec says. The first roll-out and a scale-up start all
 * slots at once; a change of template walks slot by slot, so that a bad version costs one slot's try and nothing that
 * serves. Start-first: a new task must serve before the old one goes. Stop-first: the old one is gone before the new
 * one comes. Pure.
 */
export function decideRollout(input: RolloutInput): RolloutDecision {
  const { service, tasks, templateHash } = input
  const { replicas, updateOrder } = service.spec
  const staying = tasks.filter((task) => task.metadata.deletionRequestedAt === undefined)
  const moves: RolloutMove[] = []
  const isServing = (task: Task): boolean => serves(task, input.isRouted)
  const isNew = (task: Task): boolean => task.spec.templateHash === templateHash

  for (const task of staying.filter(({ spec }) => spec.slot > replicas)) {
    moves.push({ type: 'remove', task, why: 'scaled down' })
  }
  const slots = Array.from({ length: replicas }, (_, index) => index + 1)
  const isUpdating = staying.some((task) => !isNew(task) && task.spec.slot <= replicas)
  const isTrying = staying.some((task) => isNew(task) && !isServing(task))
  let mayUpdate = !isTrying
  let isConverged = tasks.every(({ spec }) => spec.slot <= replicas)

  for (const slot of slots) {
    const inSlot = tasks.filter((task) => task.spec.slot === slot)
    const current = newest(staying.filter((task) => task.spec.slot === slot && isNew(task)))
    const outdated = staying.filter((task) => task.spec.slot === slot && task !== current)
    if (current !== undefined && isServing(current)) {
      for (const task of outdated) moves.push({ type: 'remove', task, why: 'replaced' })
      isConverged &&= inSlot.length === 1
      continue
    }
    isConverged = false
    if (current !== undefined) continue
    if (outdated.length === 0) {
      const isBlocked = updateOrder === 'stop-first' && inSlot.length > 0
      if (!isBlocked && (mayUpdate || !isUpdating)) moves.push({ type: 'create', slot })
    } else if (mayUpdate) {
      mayUpdate = false
      if (updateOrder === 'start-first') moves.push({ type: 'create', slot })
      else
        moves.push(...outdated.map((task) => ({ type: 'remove' as const, task, why: 'replaced' })))
    }
  }
  return { moves, isConverged, failure: failureOf(staying.filter(isNew)) }
}

function serves(task: Task, isRouted: boolean): boolean {
  const { state, incarnation, routedIncarnation } = task.status
  if (state !== 'running') return false
  return !isRouted || (incarnation !== undefined && incarnation === routedIncarnation)
}

function newest(tasks: readonly Task[]): Task | undefined {
  return tasks.toSorted((a, b) => b.metadata.createdAt.localeCompare(a.metadata.createdAt))[0]
}

function failureOf(tasks: readonly Task[]): string | undefined {
  const broken = tasks.find(
    ({ status }) =>
      status.state === 'unhealthy' ||
      (status.state !== 'running' && status.restarts >= MAX_RESTARTS),
  )
  return broken === undefined ? undefined : `${broken.metadata.name}: ${broken.status.message}`
}
