// What a task is like, out of what Swarm and the node's engine say of it. Pure.
import type { ObservedTask } from '@polis/hal/orchestrator'
import type { InspectedContainer, SwarmTask } from './engine-types.ts'

/** All that the engine knows of one task. */
export interface TaskEvidence {
  readonly uid: string
  /** Oldest first. */
  readonly swarmTasks: readonly SwarmTask[]
  /** On this node: the one that runs, else the last that ran, else the last that was made. */
  readonly container: InspectedContainer | undefined
  /** The container's process has ended, whatever the container says. */
  readonly exit: { readonly exitCode: number } | undefined
  /** The container's address on the node's bridge. */
  readonly address: string | undefined
  /** The last lines of a container that ended. */
  readonly lastLines: string
  readonly restarts: number
  readonly localNode: string
}

const IS_OVER = new Set(['complete', 'shutdown', 'failed', 'rejected', 'orphaned', 'remove'])

export function isOver({ Status }: SwarmTask): boolean {
  return IS_OVER.has(Status.State)
}

const REWORDED: readonly (readonly [RegExp, string])[] = [
  [/^task: non-zero exit \(\d+\): dockerexec: unhealthy container$/, 'its health check failed'],
  [/^task: non-zero exit \((\d+)\)$/, 'exited with code $1'],
  [/^invalid mount config for type "bind": /, ''],
  [/^No such image: /, 'no such image: '],
  [
    /^starting container failed: failed to create (?:shim )?task(?: for container)?: /,
    'could not start: ',
  ],
  [/OCI runtime create failed: runc create failed: unable to start container process: /, ''],
]

/** The engine's words without its innards. */
export function reword(text: string): string {
  return REWORDED.reduce((words, [pattern, better]) => words.replace(pattern, better), text)
}

type Stopped = Pick<ObservedTask, 'state' | 'message' | 'exitCode'>

type Running = Extract<ObservedTask['state'], 'starting' | 'running' | 'unhealthy'>

function healthOf({ State }: InspectedContainer): { state: Running; message: string } {
  const status = State.Health?.Status ?? 'none'
  if (status === 'starting') return { state: 'starting', message: 'waits for its health check' }
  if (status !== 'unhealthy') return { state: 'running', message: '' }
  const output = State.Health?.Log?.at(-1)?.Output.trim() ?? ''
  const message = 'its health check fails'
  return { state: 'unhealthy', message: output === '' ? message : `${message}: ${output}` }
}

/** Changes with each start, also when somebody starts the same container again. */
function incarnationOf({ Id, State }: InspectedContainer): string {
  return `${Id.slice(0, 12)}@${State.StartedAt}`
}

function observeRunning(
  evidence: TaskEvidence,
  container: InspectedContainer,
): Omit<ObservedTask, 'uid' | 'restarts'> {
  const { address, localNode } = evidence
  return {
    ...healthOf(container),
    incarnation: incarnationOf(container),
    containerId: container.Id,
    startedAt: container.State.StartedAt,
    ...(address === undefined ? {} : { address }),
    engineNode: localNode,
  }
}

function observeExited(
  { container, exit, lastLines }: TaskEvidence,
  task: SwarmTask | undefined,
): Stopped {
  const state = container?.State
  const exitCode = exit?.exitCode ?? task?.Status.ContainerStatus?.ExitCode ?? state?.ExitCode
  const words =
    state?.OOMKilled === true
      ? 'killed: it used more memory than its limit'
      : reword(task?.Status.Err ?? state?.Error ?? '')
  const why = words === '' ? `exited with code ${exitCode ?? 'unknown'}` : words
  const message = lastLines === '' ? why : `${why}; its last lines:\n${lastLines}`
  return { state: 'exited', message, ...(exitCode === undefined ? {} : { exitCode }) }
}

function observePending(...reasons: readonly (string | undefined)[]): Stopped {
  const reason = reasons.find((text) => text !== undefined && text !== '')
  return { state: 'pending', message: reword(reason ?? 'waits for the engine') }
}

function observeStopped(evidence: TaskEvidence): Stopped {
  const { swarmTasks, container } = evidence
  const newest = swarmTasks.at(-1)?.Status
  if (newest?.State === 'pending' && (newest.Err ?? '') !== '') return observePending(newest.Err)
  const lastOver = swarmTasks.findLast(isOver)
  // Swarm hears of an end a little later than the engine that ran the container.
  const hasEnded = container !== undefined && container.State.Status !== 'created'
  if (hasEnded && !swarmTasks.some((task) => isOver(task) && isOf(task, container))) {
    return observeExited(evidence, undefined)
  }
  if (lastOver === undefined) return observePending(newest?.Err, newest?.Message)
  if (lastOver.Status.State === 'rejected') return observePending(lastOver.Status.Err)
  return observeExited(evidence, lastOver)
}

function isOf(task: SwarmTask, container: InspectedContainer): boolean {
  return task.Status.ContainerStatus?.ContainerID === container.Id
}

/** A task on another node: Swarm says `running` only when it is healthy. */
function observeRemote(task: SwarmTask): Omit<ObservedTask, 'uid' | 'restarts'> | undefined {
  const { State, ContainerStatus } = task.Status
  if (State !== 'running' && State !== 'starting') return undefined
  const containerId = ContainerStatus?.ContainerID
  return {
    state: State,
    message: State === 'running' ? '' : 'waits for its health check',
    ...(containerId === undefined ? {} : { containerId, incarnation: containerId.slice(0, 12) }),
    ...(task.NodeID === undefined ? {} : { engineNode: task.NodeID }),
  }
}

export function toObservedTask(evidence: TaskEvidence): ObservedTask {
  const { uid, restarts, container, exit, swarmTasks, localNode } = evidence
  if (container?.State.Running === true && exit === undefined) {
    return { uid, restarts, ...observeRunning(evidence, container) }
  }
  const newest = swarmTasks.at(-1)
  const isElsewhere = newest?.NodeID !== undefined && newest.NodeID !== localNode
  const remote = isElsewhere ? observeRemote(newest) : undefined
  if (remote !== undefined) return { uid, restarts, ...remote }
  const node = swarmTasks.findLast(isOver)?.NodeID ?? newest?.NodeID
  const engineNode = node === undefined ? {} : { engineNode: node }
  return { uid, restarts, ...observeStopped(evidence), ...engineNode }
}
