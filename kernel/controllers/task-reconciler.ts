import type { PolisError } from '@polis/lib/error'
import type { Device } from '@polis/resources/device'
import type { Node } from '@polis/resources/node'
import type { Task } from '@polis/resources/task'
import type { Reconciler, Result } from '../controller/controller.ts'
import { isIntentNews } from '../controller/news.ts'
import { failure, readiness, statusChange } from '../controller/report.ts'
import type { ObjectEvent, ObjectReader } from '../objects/object-cache.ts'
import { attachmentsOf } from '../planner/expand-instance.ts'
import type { ReconcilerDeps } from './deps.ts'
import { deviceOn, orchestratorDevice, portOf } from './device-port.ts'
import { findObstacle, taskRootOf, toTaskSpec } from './task-preparation.ts'

/** How long requests under way may take before the task is stopped all the same. */
const DRAIN_TIMEOUT_MS = 30_000
/** What a task waits for announces itself; this is for what does not. */
const WAITING_RETRY_MS = 5_000

/** Prepares what each task sees, has the orchestrator keep it running, and walks it out when it is no longer wanted. */
export class TaskReconciler implements Reconciler {
  readonly name = 'task'
  readonly concurrency = 8
  readonly #deps: ReconcilerDeps

  constructor(deps: ReconcilerDeps) {
    this.#deps = deps
  }

  keysOf(event: ObjectEvent): readonly string[] {
    const { cache } = this.#deps
    const object = event.after ?? event.before
    switch (object?.kind) {
      case 'Task':
        return [
          ...(isTaskNews(event) ? [object.metadata.uid] : []),
          ...(isStateNews(event) ? dependents(cache, object) : []),
        ]
      case 'Attachment':
        return uids(cache.ownedBy('Task', object.spec.serviceUid))
      case 'Database':
      case 'Volume':
      case 'Secret':
        return affectedTasks(cache, object.metadata.uid)

      case 'Device':
        return object.spec.class === 'orchestrator' || object.spec.class === 'volume-host'
          ? uids(waitingTasks(cache))
          : []
      default:
        return []
    }
  }

  allKeys(): readonly string[] {
    return uids(this.#deps.cache.list('Task'))
  }

  requestIdOf(uid: string): string | undefined {
    return this.#deps.cache.find('Task', uid)?.metadata.requestId
  }

  async reconcile(uid: string, signal: AbortSignal): Promise<Result> {
    const { cache } = this.#deps
    const task = cache.find('Task', uid)
    if (task === undefined) return { kind: 'settled' }
    if (task.metadata.deletionRequestedAt !== undefined) return await this.#walkOut(task, signal)
    const service = cache.find('Service', task.spec.serviceUid)
    if (service === undefined) return { kind: 'settled' }
    const isStarting = task.status.incarnation === undefined
    const obstacle = isStarting ? findObstacle(cache, task, service) : undefined
    if (obstacle !== undefined) {
      await this.#write(task, { state: 'waiting', message: obstacle })
      return { kind: 'requeue', afterMs: WAITING_RETRY_MS }
    }
    await this.#ensure(task, signal)
    return { kind: 'settled' }
  }

  async report(uid: string, error: PolisError): Promise<void> {
    const task = this.#deps.cache.find('Task', uid)
    if (task === undefined) return
    // A running task stays what it is; only one that cannot be started says why.
    if (task.status.incarnation === undefined) await this.#write(task, { message: error.message })
    else if (error.code === 'FailedPrecondition') await this.#reportBusy(task, error)
  }

  /** What shall be taken from a running task and is in use there: the attachments on their way out say by whom. */
  async #reportBusy({ spec }: Task, error: PolisError): Promise<void> {
    const { cache, writer, clock } = this.#deps
    for (const attachment of attachmentsOf(cache, spec.serviceUid)) {
      if (attachment.metadata.deletionRequestedAt === undefined) continue
      await writer.amend('Attachment', attachment.metadata.uid, (leaving) =>
        readiness(leaving, { ...failure(error), reason: BUSY }, clock),
      )
    }
  }

  async #ensure(task: Task, signal: AbortSignal): Promise<void> {
    const { cache, sealer } = this.#deps
    const service = cache.get('Service', task.spec.serviceUid)
    const device = orchestratorDevice(cache)
    const node = cache.get('Node', task.status.nodeUid ?? device.spec.nodeUid)
    const volumeHost = portOf(
      this.#deps,
      'volume-host',
      deviceOn(cache, 'volume-host', node.metadata.uid),
    )
    const { root, attachmentUids } = taskRootOf(cache, sealer, task)
    const { sourcePath } = await volumeHost.ensureTaskRoot(root, signal)
    const orchestrator = portOf(this.#deps, 'orchestrator', device)
    // The engine knows the task from the moment it accepted it; asking again could only find it changed.
    const isUnknown = task.status.state === 'waiting' || task.status.state === 'lost'
    if (isUnknown) {
      const instance = cache.get('Instance', service.spec.instanceUid)
      const network = { uid: instance.metadata.uid, label: instance.metadata.name }
      await orchestrator.ensureNetwork(network, signal)
      const spec = toTaskSpec({
        reader: cache,
        sealer,
        task,
        service,
        rootPath: sourcePath,
        gatewayAddress: node.status.gatewayAddress,
        engineNode: this.#boundTo(task)?.status.engineNode,
      })
      await orchestrator.ensureTask(spec, signal)
    }
    await this.#write(task, {
      mountedAttachmentUids: [...attachmentUids],
      ...(isUnknown
        ? { state: 'pending', message: 'the engine has accepted it', nodeUid: node.metadata.uid }
        : {}),
    })
  }

  /** The node that a task's volumes lie on. */
  #boundTo(task: Task): Node | undefined {
    const { cache } = this.#deps
    const uid = task.spec.template.mounts[0]?.volumeUid
    const device: Device | undefined = cache.find(
      'Device',
      cache.find('Volume', uid)?.spec.deviceUid,
    )
    return cache.find('Node', device?.spec.nodeUid)
  }

  /** Out of the routes, requests finished, stopped, unmounted, forgotten: in that order, from wherever it was left. */
  async #walkOut(task: Task, signal: AbortSignal): Promise<Result> {
    const { cache, writer } = this.#deps
    const { uid } = task.metadata
    const { routedIncarnation, nodeUid } = task.status
    if (routedIncarnation !== undefined && nodeUid !== undefined) {
      // The edge takes it out because of the same mark, and says so by clearing routedIncarnation.
      return { kind: 'settled' }
    }
    if (nodeUid !== undefined && task.status.incarnation !== undefined) {
      const ingress = portOf(this.#deps, 'ingress', deviceOn(cache, 'ingress', nodeUid))
      const incarnation = task.status.incarnation
      await ingress.awaitIdle({ taskUid: uid, incarnation, timeoutMs: DRAIN_TIMEOUT_MS }, signal)
    }
    const device = orchestratorDevice(cache)
    await portOf(this.#deps, 'orchestrator', device).removeTask({ uid }, signal)
    const volumeHost = deviceOn(cache, 'volume-host', nodeUid ?? device.spec.nodeUid)
    await portOf(this.#deps, 'volume-host', volumeHost).removeTaskRoot({ taskUid: uid }, signal)
    await writer.commit([{ type: 'remove', before: cache.get('Task', uid) }])
    return { kind: 'settled' }
  }

  /** What only this reconciler knows. State belongs to the observer from the moment the engine has spoken of the task. */
  async #write({ metadata }: Task, part: Partial<Task['status']>): Promise<void> {
    await this.#deps.writer.amend('Task', metadata.uid, (task) => {
      const { state: _state, message: _message, ...rest } = part
      const isUnseen = task.status.state === 'waiting' || task.status.state === 'lost'
      return statusChange(task, {
        ...task.status,
        ...(isUnseen ? part : rest),
        observedGeneration: task.metadata.generation,
      })
    })
  }
}

/** Whether there may be something to do for the task itself; that it came up as it should is none. */
/** Reason of an attachment's Ready condition while it is in use and shall go. */
export const BUSY = 'Busy'

function isTaskNews(event: ObjectEvent): boolean {
  const { before, after } = event
  if (isIntentNews(event)) return true
  if (before?.kind !== 'Task' || after?.kind !== 'Task') return true
  const { state, incarnation, routedIncarnation } = after.status
  if (after.metadata.deletionRequestedAt !== undefined) {
    return before.status.routedIncarnation !== routedIncarnation
  }
  const isGone = state === 'waiting' || state === 'lost'
  return before.status.incarnation !== incarnation || (isGone && before.status.state !== state)
}

function isStateNews({ before, after }: ObjectEvent): boolean {
  if (before?.kind !== 'Task' || after?.kind !== 'Task') return true
  return before.status.state !== after.status.state
}

/** Tasks of the same instance that have not started: they may wait for this one's service. */
function dependents(cache: ObjectReader, task: Task): readonly string[] {
  const service = cache.find('Service', task.spec.serviceUid)
  if (service === undefined) return []
  const siblings = cache.ownedBy('Service', service.spec.instanceUid)
  return siblings
    .filter(({ spec }) =>
      spec.dependsOn.some(({ serviceName }) => serviceName === service.spec.serviceName),
    )
    .flatMap(({ metadata }) => uids(cache.ownedBy('Task', metadata.uid)))
}

function affectedTasks(cache: ObjectReader, uid: string): readonly string[] {
  return cache.guardsOf(uid).flatMap((guard) => {
    switch (guard.kind) {
      case 'Task':
        return [guard.metadata.uid]
      case 'Attachment':
        return uids(cache.ownedBy('Task', guard.spec.serviceUid))
      case 'Database':
        return affectedTasks(cache, guard.metadata.uid)
      default:
        return []
    }
  })
}

function waitingTasks(cache: ObjectReader): readonly Task[] {
  return cache.list('Task').filter(({ status }) => status.incarnation === undefined)
}

function uids(tasks: readonly Task[]): readonly string[] {
  return tasks.map(({ metadata }) => metadata.uid)
}
