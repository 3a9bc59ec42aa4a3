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
  /** Every slot holds exactly one task, of the newest template, serving, and there are no others. */
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
 * one comes, and serves before the next slot is begun. Pure.
 */
export function decideRollout(input: RolloutInput): RolloutDecision {
  const { service, tasks, templateHash } = input
  const { replicas, updateOrder } = service.spec
  const staying = tasks.filter((task) => task.metadata.deletionRequestedAt === undefined)
  const slots = Array.from({ length: replicas }, (_, index) => index + 1)
  const isNew = (task: Task): boolean => task.spec.templateHash === templateHash
  const isServing = (task: Task): boolean => serves(task, input.isRouted)

  const isUpdating = staying.some((task) => !isNew(task) && task.spec.slot <= replicas)
  const isTrying = staying.some((task) => isNew(task) && !isServing(task))
  const hasGap = slots.some((slot) => !staying.some(({ spec }) => spec.slot === slot))
  const mayFill = !isTrying || !isUpdating
  // A gap is a slot given up for the new version, or one that was never there: first it is filled, then the next is begun.
  let mayUpdate = !isTrying && !hasGap

  const moves: RolloutMove[] = staying
    .filter(({ spec }) => spec.slot > replicas)
    .map((task) => remove(task, 'scaled down'))
  for (const slot of slots) {
    const inSlot = staying.filter((task) => task.spec.slot === slot)
    const current = newest(inSlot.filter(isNew))
    const others = inSlot.filter((task) => task !== current)
    if (current !== undefined && isServing(current)) {
      moves.push(...others.map((task) => remove(task, 'replaced')))
      continue
    }
    const outdated = others.find(isServing) ?? newest(others)
    // Versions that were overtaken before they served stand in for nothing.
    moves.push(...others.filter((task) => task !== outdated).map((t) => remove(t, 'overtaken')))
    if (current !== undefined) continue
    if (outdated === undefined) {
      const isLeaving = tasks.some((task) => task.spec.slot === slot)
      const isBlocked = updateOrder === 'stop-first' && isLeaving
      if (mayFill && !isBlocked) moves.push({ type: 'create', slot })
    } else if (mayUpdate) {
      mayUpdate = false
      if (updateOrder === 'start-first') moves.push({ type: 'create', slot })
      else moves.push(remove(outdated, 'replaced'))
    }
  }
  return {
    moves,
    isConverged: isConverged(tasks, slots, (task) => isNew(task) && isServing(task)),
    failure: failureOf(staying.filter(isNew)),
  }
}

/** Tasks on their way out count: they hold volumes and answer requests until they are gone. */
function isConverged(
  tasks: readonly Task[],
  slots: readonly number[],
  isUp: (task: Task) => boolean,
): boolean {
  const isAllUp = tasks.every(
    (task) => isUp(task) && task.metadata.deletionRequestedAt === undefined,
  )
  const held = new Set(tasks.map(({ spec }) => spec.slot))
  return isAllUp && tasks.length === slots.length && slots.every((slot) => held.has(slot))
}

function remove(task: Task, why: string): RolloutMove {
  return { type: 'remove', task, why }
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
