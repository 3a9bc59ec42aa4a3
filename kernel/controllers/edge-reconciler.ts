import { type PolisError, toPolisError } from '@polis/lib/error'
import type { Attachment } from '@polis/resources/attachment'
import type { Device } from '@polis/resources/device'
import type { Node } from '@polis/resources/node'
import { findCondition } from '@polis/resources/object'
import type { Task } from '@polis/resources/task'
import type { Reconciler, Result } from '../controller/controller.ts'
import { statusChange } from '../controller/report.ts'
import { applyWhatCan } from '../edge/apply-table.ts'
import { servicesConcerned } from '../edge/edge-news.ts'
import { EdgeView } from '../edge/edge-view.ts'
import type { ObjectEvent } from '../objects/object-cache.ts'
import { attachmentsOf } from '../planner/expand-instance.ts'
import { ROUTED, withRouted } from './attachment-reconciler.ts'
import type { ReconcilerDeps } from './deps.ts'
import { deviceOn, portOf } from './device-port.ts'
import { CONNECTED } from './node-reconciler.ts'

const RESYNC_MS = 60_000
const NOTHING_REFUSED: ReadonlyMap<string, string> = new Map()

/** An edge that took all of its table. */
interface KnownEdge {
  readonly view: EdgeView
  readonly identity: string
  /** When everything is looked at anew and told again, in case somebody forgot. */
  readonly untilMs: number
}

/**
 * Gives each node's edge its whole table whenever something in it changed, and writes down what holds since. What it
 * looks at and writes follows what changed: all services only at first, after a failure, and once a minute.
 */
export class EdgeReconciler implements Reconciler {
  readonly name = 'edge'
  readonly concurrency = 4
  readonly restMs = 20
  readonly #deps: ReconcilerDeps
  readonly #known = new Map<string, KnownEdge>()

  constructor(deps: ReconcilerDeps) {
    this.#deps = deps
  }

  keysOf(event: ObjectEvent): readonly string[] {
    const serviceUids = servicesConcerned(this.#deps.cache, event)
    if (serviceUids === undefined) return []
    for (const { view } of this.#known.values()) {
      for (const uid of serviceUids) view.mark(uid)
    }
    return this.allKeys()
  }

  allKeys(): readonly string[] {
    const { cache } = this.#deps
    return cache
      .list('Device')
      .filter(
        ({ spec, metadata }) =>
          spec.class === 'ingress' && metadata.deletionRequestedAt === undefined,
      )
      .map(({ spec }) => spec.nodeUid)
  }

  async reconcile(nodeUid: string, signal: AbortSignal): Promise<Result> {
    const { cache, clock } = this.#deps
    const node = cache.find('Node', nodeUid)
    if (node === undefined) return { kind: 'settled' }
    const device = deviceOn(cache, 'ingress', nodeUid)
    const known = this.#findKnown(node, device)
    const { view, untilMs } = known ?? this.#lookAnew(node, device)
    try {
      const { serviceUids, hasChanged } = view.look(cache, node)
      // Most of what happens to a task changes nothing for the edge: it need not be sent all its routes for that.
      const isTold = known !== undefined && !hasChanged
      const ingress = portOf(this.#deps, 'ingress', device)
      const refused = isTold ? NOTHING_REFUSED : await applyWhatCan(ingress, view.table, signal)
      if (refused.size > 0) this.#known.delete(nodeUid)
      await this.#writeDown(node, view, serviceUids, refused)
      return { kind: 'requeue', afterMs: untilMs - clock.monotonicMs() }
    } catch (thrown) {
      this.#known.delete(nodeUid)
      throw thrown
    }
  }

  async report(_nodeUid: string, thrown: PolisError): Promise<void> {
    const { cache, writer, clock } = this.#deps
    const error = toPolisError(thrown, 'apply the table')
    for (const attachment of cache.list('Attachment')) {
      if (findCondition(attachment.status, ROUTED)?.status === 'True') continue
      if (attachment.spec.target.type === 'volume' || attachment.spec.target.type === 'secret')
        continue
      const change = statusChange(
        attachment,
        withRouted(attachment, false, error.message, clock.now()),
      )
      if (change !== undefined) await writer.commit([change])
    }
  }

  #findKnown(node: Node, device: Device): KnownEdge | undefined {
    const known = this.#known.get(node.metadata.uid)
    const isRecent = known !== undefined && this.#deps.clock.monotonicMs() < known.untilMs
    return isRecent && known.identity === identityOf(node, device) ? known : undefined
  }

  #lookAnew(node: Node, device: Device): KnownEdge {
    const { cache, clock } = this.#deps
    const view = new EdgeView()
    for (const { spec } of cache.list('Attachment')) view.mark(spec.serviceUid)
    // Also those that have lost their last attachment while nobody looked.
    for (const { spec } of cache.list('Task')) view.mark(spec.serviceUid)
    const untilMs = clock.monotonicMs() + RESYNC_MS
    const edge = { view, identity: identityOf(node, device), untilMs }
    this.#known.set(node.metadata.uid, edge)
    return edge
  }

  async #writeDown(
    node: Node,
    view: EdgeView,
    serviceUids: ReadonlySet<string>,
    refused: ReadonlyMap<string, string>,
  ): Promise<void> {
    const { cache } = this.#deps
    for (const serviceUid of serviceUids) {
      for (const task of cache.ownedBy('Task', serviceUid)) {
        if (task.status.nodeUid === node.metadata.uid) await this.#writeTask(task, view)
      }
      for (const attachment of attachmentsOf(cache, serviceUid)) {
        await this.#writeAttachment(attachment, view, refused)
      }
    }
  }

  async #writeTask({ metadata, spec, status }: Task, view: EdgeView): Promise<void> {
    const routedIncarnation = view.routedIncarnation(spec.serviceUid, metadata.uid)
    if (status.routedIncarnation === routedIncarnation) return
    await this.#deps.writer.amend('Task', metadata.uid, (task) => {
      const { routedIncarnation: _, ...rest } = task.status
      return statusChange(
        task,
        routedIncarnation === undefined ? rest : { ...rest, routedIncarnation },
      )
    })
  }

  async #writeAttachment(
    { metadata, spec, status }: Attachment,
    view: EdgeView,
    refused: ReadonlyMap<string, string>,
  ): Promise<void> {
    const { writer, clock } = this.#deps
    // A gateway route is the database's, whoever is attached to it.
    const routeUid = spec.target.type === 'database' ? spec.target.databaseUid : metadata.uid
    const refusal = refused.get(routeUid)
    const isRouted = refusal === undefined && view.honours(spec.serviceUid, metadata.uid)
    const before = findCondition(status, ROUTED)
    if ((before?.status === 'True') === isRouted && refusal === undefined) return
    await writer.amend('Attachment', metadata.uid, (attachment) =>
      statusChange(attachment, withRouted(attachment, isRouted, refusal ?? '', clock.now())),
    )
  }
}

/** What might have made the edge that had the table another one. */
function identityOf(node: Node, device: Device): string {
  const { uid, generation } = device.metadata
  const isReady = findCondition(device.status, 'Ready')
  const isConnected = findCondition(node.status, CONNECTED)
  const { gatewayAddress } = node.status
  return JSON.stringify([uid, generation, isReady?.since, isConnected?.since, gatewayAddress])
}
