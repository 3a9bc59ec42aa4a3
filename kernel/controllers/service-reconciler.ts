import { newUid } from '@polis/lib/uid'
import { createHash } from 'node:crypto'
import type { Service } from '@polis/resources/service'
import type { Task } from '@polis/resources/task'
import type { Reconciler, Result } from '../controller/controller.ts'
import { canonical, readiness } from '../controller/report.ts'
import { isServiceRouted } from '../edge/edge-table.ts'
import type { ObjectChange } from '../objects/change.ts'
import type { ObjectEvent } from '../objects/object-cache.ts'
import { attachmentsOf } from '../planner/expand-instance.ts'
import { decideRollout, type RolloutDecision, type RolloutMove } from '../rollout/rollout.ts'
import type { ReconcilerDeps } from './deps.ts'

/** Walks each service's tasks towards its template, one move after the other. */
export class ServiceReconciler implements Reconciler {
  readonly name = 'service'
  readonly concurrency = 8
  readonly restMs = 20
  readonly #deps: ReconcilerDeps

  constructor(deps: ReconcilerDeps) {
    this.#deps = deps
  }

  keysOf({ before, after }: ObjectEvent): readonly string[] {
    const object = after ?? before
    if (object?.kind === 'Service') return [object.metadata.uid]
    if (object?.kind === 'Task' || object?.kind === 'Attachment') return [object.spec.serviceUid]
    return []
  }

  allKeys(): readonly string[] {
    return this.#deps.cache.list('Service').map(({ metadata }) => metadata.uid)
  }

  requestIdOf(uid: string): string | undefined {
    return this.#deps.cache.find('Service', uid)?.metadata.requestId
  }

  async reconcile(uid: string): Promise<Result> {
    const { cache, writer } = this.#deps
    const service = cache.find('Service', uid)
    if (service === undefined) return { kind: 'settled' }
    const tasks = cache.ownedBy('Task', uid)
    if (service.metadata.deletionRequestedAt !== undefined) {
      await this.#remove(service, tasks)
      return { kind: 'settled' }
    }
    const templateHash = hashOf(service)
    const isRouted = isServiceRouted(attachmentsOf(cache, uid))
    const decision = decideRollout({ service, tasks, templateHash, isRouted })
    for (const move of decision.moves) await writer.commit([toChange(move, service, templateHash)])
    await this.#writeStatus(service, templateHash, decision)
    return { kind: 'settled' }
  }

  async #remove(service: Service, tasks: readonly Task[]): Promise<void> {
    const { cache, writer } = this.#deps
    for (const task of tasks) {
      if (task.metadata.deletionRequestedAt !== undefined) continue
      await writer.commit([{ type: 'requestDeletion', before: task }])
    }
    const isFree = tasks.length === 0 && cache.guardsOf(service.metadata.uid).length === 0
    if (isFree) await writer.commit([{ type: 'remove', before: service }])
  }

  async #writeStatus(
    { metadata }: Service,
    templateHash: string,
    { isConverged, failure }: RolloutDecision,
  ): Promise<void> {
    const { cache, writer, clock } = this.#deps
    const tasks = cache.ownedBy('Task', metadata.uid)
    const running = tasks.filter((task) => task.status.state === 'running')
    const updated = running.filter((task) => task.spec.templateHash === templateHash)
    await writer.amend('Service', metadata.uid, (service) =>
      readiness(
        service,
        {
          status: isConverged ? 'True' : 'False',
          reason: isConverged ? 'Converged' : failure === undefined ? 'RollingOut' : ROLLOUT_FAILED,
          message: isConverged ? '' : (failure ?? waitingFor(tasks)),
        },
        clock,
        { runningReplicas: running.length, updatedReplicas: updated.length },
        metadata.generation,
      ),
    )
  }
}

/** Reason of a service's Ready condition when its newest tasks cannot be brought up. */
export const ROLLOUT_FAILED = 'RolloutFailed'

function hashOf(service: Service): string {
  return createHash('sha256').update(canonical(service.spec.template)).digest('hex')
}

function toChange(move: RolloutMove, service: Service, templateHash: string): ObjectChange {
  if (move.type === 'remove') return { type: 'requestDeletion', before: move.task }
  const { name, projectUid, uid: serviceUid } = service.metadata
  const uid = newUid()
  return {
    type: 'create',
    draft: {
      kind: 'Task',
      metadata: {
        uid,
        name: `${name}.${move.slot}.${uid.slice(0, 6)}`,
        ownerUid: serviceUid,
        ...(projectUid === undefined ? {} : { projectUid }),
      },
      spec: {
        serviceUid,
        revisionUid: service.spec.revisionUid,
        slot: move.slot,
        template: service.spec.template,
        templateHash,
      },
    },
  }
}

function waitingFor(tasks: readonly Task[]): string {
  const waiting = tasks.find(
    (task) => task.status.state !== 'running' && task.status.message !== '',
  )
  return waiting === undefined ? 'waiting for its tasks' : waiting.status.message
}
