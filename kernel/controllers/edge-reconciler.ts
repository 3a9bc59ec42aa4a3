import type { EdgeTable, IngressPort } from '@polis/hal/ingress'
import { PolisError, toPolisError } from '@polis/lib/error'
import { findCondition } from '@polis/resources/object'
import type { Device } from '@polis/resources/device'
import type { Node } from '@polis/resources/node'
import type { Reconciler, Result } from '../controller/controller.ts'
import { statusChange } from '../controller/report.ts'
import { type EdgePlan, planEdge } from '../edge/edge-table.ts'
import type { ObjectEvent } from '../objects/object-cache.ts'
import { ROUTED, withRouted } from './attachment-reconciler.ts'
import type { ReconcilerDeps } from './deps.ts'
import { deviceOn, portOf } from './device-port.ts'
import { CONNECTED } from './node-reconciler.ts'

const RESYNC_MS = 60_000
const NOTHING_REFUSED: ReadonlyMap<string, string> = new Map()

/** What an edge was given, all of which it took. */
interface Told {
  readonly text: string
  /** When it is told again all the same, in case it forgot. */
  readonly untilMs: number
}

/** Gives each node's edge its whole table whenever something in it changed, and writes down what holds since. */
export class EdgeReconciler implements Reconciler {
  readonly name = 'edge'
  readonly concurrency = 4
  readonly restMs = 20
  readonly #deps: ReconcilerDeps
  readonly #told = new Map<string, Told>()

  constructor(deps: ReconcilerDeps) {
    this.#deps = deps
  }

  keysOf(event: ObjectEvent): readonly string[] {
    return isEdgeNews(event) ? this.allKeys() : []
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
    const { cache } = this.#deps
    const node = cache.find('Node', nodeUid)
    if (node === undefined) return { kind: 'settled' }
    const device = deviceOn(cache, 'ingress', nodeUid)
    const plan = planEdge(cache, node)
    const told = this.#findTold(node, device, plan)
    const refused =
      told === undefined ? await this.#tell(node, device, plan, signal) : NOTHING_REFUSED
    await this.#writeDown(node, plan, refused)
    const afterMs = told === undefined ? RESYNC_MS : told.untilMs - this.#deps.clock.monotonicMs()
    return { kind: 'requeue', afterMs }
  }

  /** Most events near a task change nothing for the edge: it need not be sent all its routes for them. */
  #findTold(node: Node, device: Device, { table }: EdgePlan): Told | undefined {
    const told = this.#told.get(node.metadata.uid)
    const isRecent = told !== undefined && this.#deps.clock.monotonicMs() < told.untilMs
    return isRecent && told.text === textOf(node, device, table) ? told : undefined
  }

  async #tell(
    node: Node,
    device: Device,
    { table }: EdgePlan,
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, string>> {
    const { uid } = node.metadata
    this.#told.delete(uid)
    const untilMs = this.#deps.clock.monotonicMs() + RESYNC_MS
    const refused = await applyWhatCan(portOf(this.#deps, 'ingress', device), table, signal)
    if (refused.size === 0) this.#told.set(uid, { text: textOf(node, device, table), untilMs })
    return refused
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

  async #writeDown(
    node: Node,
    { routed, attachmentUids }: EdgePlan,
    refused: ReadonlyMap<string, string>,
  ): Promise<void> {
    const { cache, writer, clock } = this.#deps
    for (const { metadata, status } of cache.list('Task')) {
      if (status.nodeUid !== node.metadata.uid) continue
      const routedIncarnation = routed.get(metadata.uid)
      if (status.routedIncarnation === routedIncarnation) continue
      await writer.amend('Task', metadata.uid, (task) => {
        const { routedIncarnation: _, ...rest } = task.status
        return statusChange(
          task,
          routedIncarnation === undefined ? rest : { ...rest, routedIncarnation },
        )
      })
    }
    for (const { metadata, spec, status } of cache.list('Attachment')) {
      // A gateway route is the database's, whoever is attached to it.
      const routeUid = spec.target.type === 'database' ? spec.target.databaseUid : metadata.uid
      const refusal = refused.get(routeUid)
      const isRouted = refusal === undefined && attachmentUids.has(metadata.uid)
      const before = findCondition(status, ROUTED)
      if ((before?.status === 'True') === isRouted && refusal === undefined) continue
      await writer.amend('Attachment', metadata.uid, (attachment) =>
        statusChange(attachment, withRouted(attachment, isRouted, refusal ?? '', clock.now())),
      )
    }
  }
}

/**
 * Applies the table; routes that the edge refuses by name (a port that a foreign program holds) are left out, so that
 * one of them does not hold up all others. Returns why, by the route's uid.
 */
async function applyWhatCan(
  ingress: IngressPort,
  table: EdgeTable,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  try {
    await ingress.applyTable(table, signal)
    return new Map()
  } catch (thrown) {
    const refused =
      thrown instanceof PolisError ? refusedRoutes(thrown, table) : new Map<string, string>()
    if (refused.size === 0) throw thrown
    const isKept = ({ uid }: { readonly uid: string }): boolean => !refused.has(uid)
    const rest = {
      ...table,
      http: table.http.filter(isKept),
      ports: table.ports.filter(isKept),
      gateway: table.gateway.filter(isKept),
    }
    await ingress.applyTable(rest, signal)
    return refused
  }
}

/** The table, and what might have made the edge that had it another one. */
function textOf(node: Node, device: Device, table: EdgeTable): string {
  const { uid, generation } = device.metadata
  const isReady = findCondition(device.status, 'Ready')
  const isConnected = findCondition(node.status, CONNECTED)
  return JSON.stringify([uid, generation, isReady?.since, isConnected?.since, table])
}

function refusedRoutes(error: PolisError, table: EdgeTable): ReadonlyMap<string, string> {
  return new Map(
    error.problems.flatMap(({ path, message }) => {
      const found = /^(?<list>http|ports|gateway)\[(?<index>\d+)\]/.exec(path)?.groups
      const index = Number(found?.['index'])
      const routes =
        found?.['list'] === 'http'
          ? table.http
          : found?.['list'] === 'ports'
            ? table.ports
            : table.gateway
      const uid = found === undefined ? undefined : routes[index]?.uid
      return uid === undefined ? [] : [[uid, message] as const]
    }),
  )
}

/** What the table is made of; the status that this reconciler writes is none of it. */
function isEdgeNews({ before, after }: ObjectEvent): boolean {
  const object = after ?? before
  switch (object?.kind) {
    case 'Task': {
      if (before?.kind !== 'Task' || after?.kind !== 'Task') return true
      const facts = ({ status, metadata }: typeof after): string =>
        [
          status.state,
          status.incarnation,
          status.address,
          status.nodeUid,
          metadata.deletionRequestedAt,
        ].join()
      return facts(before) !== facts(after)
    }
    case 'Attachment':
    case 'Domain':
    case 'Database':
      return (
        before?.metadata.generation !== after?.metadata.generation ||
        before?.metadata.deletionRequestedAt !== after?.metadata.deletionRequestedAt
      )
    case 'Device':
      return before?.kind === 'Device' && after?.kind === 'Device'
        ? before.status.facts['address'] !== after.status.facts['address'] ||
            (after.spec.class === 'ingress' &&
              findCondition(before.status, 'Ready')?.status !==
                findCondition(after.status, 'Ready')?.status)
        : true
    case 'Node':
      return (
        before?.kind === 'Node' &&
        after?.kind === 'Node' &&
        before.status.gatewayAddress !== after.status.gatewayAddress
      )
    default:
      return false
  }
}
