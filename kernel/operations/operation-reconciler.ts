import { causeChain } from '@polis/lib/error'
import type { Instance } from '@polis/resources/instance'
import type { PolisObject } from '@polis/resources/registry'
import type { Reconciler, Result } from '../controller/controller.ts'
import { isSame } from '../controller/report.ts'
import type { ReconcilerDeps } from '../controllers/deps.ts'
import { portOf } from '../controllers/device-port.ts'
import type { ObjectChange } from '../objects/change.ts'
import type { ObjectEvent } from '../objects/object-cache.ts'
import { assess, type Assessment, problemOf } from './assess.ts'
import type { OperationRecord, Undo } from './goal.ts'
import type { Operation, OperationStatus, OperationStep } from './operation.ts'
import type { OperationStore } from './operation-store.ts'

/** Nothing moved for so long: it will not by itself. Builds move with every step, so this is not their limit. */
const STALLED_AFTER_MS = 15 * 60_000
const PROBE_RETRY_MS = 100
const LOOK_AGAIN_MS = 10_000

/** Follows running operations to their end: done only when the world is, failed with the reason otherwise. */
export class OperationReconciler implements Reconciler {
  readonly name = 'operation'
  readonly concurrency = 8
  readonly restMs = 20
  readonly #deps: ReconcilerDeps
  readonly #operations: OperationStore

  constructor(deps: ReconcilerDeps, operations: OperationStore) {
    this.#deps = deps
    this.#operations = operations
  }

  keysOf(_event: ObjectEvent): readonly string[] {
    return this.allKeys()
  }

  allKeys(): readonly string[] {
    return this.#operations.running().map(({ operation }) => operation.id)
  }

  requestIdOf(id: string): string | undefined {
    return this.#operations.findRunning(id)?.operation.requestId
  }

  async reconcile(id: string, signal: AbortSignal): Promise<Result> {
    const record = this.#operations.findRunning(id)
    if (record === undefined) return { kind: 'settled' }
    const { cache, clock } = this.#deps
    if (record.isCancelled) {
      await this.#stop(record, 'cancelled', {
        key: 'cancel',
        title: record.operation.title,
        status: 'failed',
        message: 'it was cancelled',
      })
      return { kind: 'settled' }
    }
    const assessed = record.goals.flatMap((goal) => assess(cache, goal))
    const failed = assessed.find(({ status }) => status === 'failed')
    const steps = failed === undefined ? await this.#probeLast(assessed, signal) : assessed
    const moved = await this.#saveSteps(record, steps)
    if (failed !== undefined) {
      await this.#stop(moved, 'failed', failed)
      return { kind: 'settled' }
    }
    if (steps.every(({ status }) => status === 'done')) {
      await this.#operations.end(ended(moved.operation, 'done', clock.now()))
      return { kind: 'settled' }
    }
    const idleMs = clock.now().getTime() - Date.parse(moved.movedAt)
    const waiting =
      steps.find(({ status }) => status === 'running') ??
      steps.find(({ status }) => status !== 'done')
    if (idleMs > STALLED_AFTER_MS && waiting !== undefined) {
      const message =
        waiting.message === ''
          ? 'nothing moved for 15 minutes'
          : `${waiting.message} (for 15 minutes)`
      await this.#stop(moved, 'failed', { ...waiting, message })
      return { kind: 'settled' }
    }
    const isProbing = steps.every((step) => step.status === 'done' || step.probe !== undefined)
    return { kind: 'requeue', afterMs: isProbing ? PROBE_RETRY_MS : LOOK_AGAIN_MS }
  }

  /** Routes are asked through the edge, as a browser would, once all else holds. */
  async #probeLast(
    steps: readonly Assessment[],
    signal: AbortSignal,
  ): Promise<readonly Assessment[]> {
    const isRest = steps.every((step) => step.status === 'done' || step.probe !== undefined)
    if (!isRest)
      return steps.map((step) =>
        step.probe === undefined ? step : { ...step, status: 'waiting' as const },
      )
    return await Promise.all(
      steps.map(async (step) => {
        if (step.probe === undefined) return step
        const message = await this.#probe(step.probe, signal)
        return message === undefined ? { ...step, status: 'done' as const } : { ...step, message }
      }),
    )
  }

  /** What is wrong with the answer for a host; undefined: a task answers. */
  async #probe(host: string, signal: AbortSignal): Promise<string | undefined> {
    const edges = this.#deps.cache.list('Device').filter(({ spec }) => spec.class === 'ingress')
    if (edges.length === 0) return 'no node has an edge'
    for (const edge of edges) {
      try {
        const request = { host: host.replace(/^\*\./, 'polis-probe.'), path: '/', isTls: false }
        const result = await portOf(this.#deps, 'ingress', edge).probe(request, signal)
        if (!result.isFromEndpoint) return result.message
      } catch (thrown) {
        return causeChain(thrown)[0] ?? 'the edge did not answer'
      }
    }
    return undefined
  }

  async #saveSteps(
    record: OperationRecord,
    assessed: readonly Assessment[],
  ): Promise<OperationRecord> {
    const now = this.#deps.clock.now().toISOString()
    const before = new Map(record.operation.steps.map((step) => [step.key, step]))
    const steps = assessed.map((step) => toStep(step, before.get(step.key), now))
    if (isSame(steps, record.operation.steps)) return record
    const changed = steps.filter((step) => step.status !== before.get(step.key)?.status)
    const next = await this.#operations.update(record.operation.id, (current) => ({
      ...current,
      operation: { ...current.operation, steps },
      movedAt: now,
    }))
    if (next === undefined) return record
    await this.#tellSteps(next.operation, changed)
    return next
  }

  async #tellSteps(operation: Operation, steps: readonly OperationStep[]): Promise<void> {
    const { journal, clock } = this.#deps
    if (steps.length === 0) return
    await journal.append(
      steps.map((step) => ({
        at: clock.now(),
        type: 'operation.step',
        level: step.status === 'failed' ? ('error' as const) : ('info' as const),
        message: `${step.title}: ${step.status}${step.message === '' ? '' : ` (${step.message})`}`,
        requestId: operation.requestId,
        operationId: operation.id,
        actor: operation.actor.name,
        fields: { key: step.key, status: step.status },
        ...(operation.projectUid === undefined ? {} : { project: operation.projectUid }),
        ...(operation.targetUid === undefined ? {} : { objectUid: operation.targetUid }),
      })),
    )
  }

  /** Intent goes back first; then the operation ends. Cut off in between, both are done again. */
  async #stop(
    record: OperationRecord,
    status: Exclude<OperationStatus, 'running' | 'done'>,
    step: Assessment,
  ): Promise<void> {
    for (const undo of record.undo) await this.#undo(undo)
    const { operation } = record
    const error = problemOf(step)
    await this.#operations.end({ ...ended(operation, status, this.#deps.clock.now()), error })
  }

  async #undo(undo: Undo): Promise<void> {
    await this.#deps.writer.amend(
      undo.type === 'restoreInstance' ? 'Instance' : undo.kind,
      undo.uid,
      (object): ObjectChange | undefined => toUndoChange(undo, object),
    )
  }
}

function toUndoChange(undo: Undo, object: PolisObject): ObjectChange | undefined {
  const isLeaving = object.metadata.deletionRequestedAt !== undefined
  switch (undo.type) {
    case 'restoreInstance':
      return isInstance(object) && !isSame(object.spec, undo.spec)
        ? { type: 'spec', before: object, spec: undo.spec }
        : undefined
    case 'remove':
      return isLeaving ? undefined : { type: 'requestDeletion', before: object }
    case 'cancelDeletion':
      return isLeaving ? { type: 'cancelDeletion', before: object } : undefined
  }
}

function isInstance(object: PolisObject): object is Instance {
  return object.kind === 'Instance'
}

function toStep(step: Assessment, before: OperationStep | undefined, now: string): OperationStep {
  const { key, title, status, message } = step
  const isBegun = status !== 'waiting' || before?.startedAt !== undefined
  const isOver = status === 'done' || status === 'failed'
  return {
    key,
    title,
    status,
    message,
    ...(isBegun ? { startedAt: before?.startedAt ?? now } : {}),
    ...(isOver ? { endedAt: before?.endedAt ?? now } : {}),
  }
}

function ended(operation: Operation, status: OperationStatus, now: Date): Operation {
  const steps = operation.steps.map((step) =>
    step.status === 'done' || step.status === 'failed' || status === 'done'
      ? step
      : { ...step, status: 'skipped' as const },
  )
  return { ...operation, steps, status, endedAt: now.toISOString() }
}
