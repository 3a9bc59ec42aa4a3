import type { PolisError } from '@polis/lib/error'
import type { Device } from '@polis/resources/device'
import type { Reconciler, Result } from '../controller/controller.ts'
import { isIntentNews } from '../controller/news.ts'
import { failure, readiness, statusChange } from '../controller/report.ts'
import type { ObjectEvent } from '../objects/object-cache.ts'
import type { ReconcilerDeps } from './deps.ts'
import { portOf } from './device-port.ts'

/** How often a device is looked at when nothing says it changed. */
const RESYNC_MS = 30_000
const NOT_READY_RETRY_MS = 2_000

/** Installs, starts and repairs devices, and writes down what they say of themselves. */
export class DeviceReconciler implements Reconciler {
  readonly name = 'device'
  readonly concurrency = 4
  readonly #deps: ReconcilerDeps

  constructor(deps: ReconcilerDeps) {
    this.#deps = deps
  }

  keysOf(event: ObjectEvent): readonly string[] {
    const object = event.after ?? event.before
    // A device's own status must not call it again: it is what this reconciler writes.
    if (object?.kind === 'Device') {
      return isIntentNews(event) ? [object.metadata.uid] : []
    }
    if (object?.kind !== 'Node') return []
    const { cache } = this.#deps
    return cache
      .list('Device')
      .filter(({ spec }) => spec.nodeUid === object.metadata.uid)
      .filter(({ spec }) => isNodeNews(spec.class, event))
      .map(({ metadata }) => metadata.uid)
  }

  allKeys(): readonly string[] {
    return this.#deps.cache.list('Device').map(({ metadata }) => metadata.uid)
  }

  async reconcile(uid: string, signal: AbortSignal): Promise<Result> {
    const { cache, writer, clock } = this.#deps
    const device = cache.find('Device', uid)
    if (device === undefined) return { kind: 'settled' }
    const port = portOf(this.#deps, device.spec.class as 'database', device)
    if (device.metadata.deletionRequestedAt !== undefined) {
      await port.removeDevice({}, signal)
      await writer.commit([{ type: 'remove', before: device }])
      return { kind: 'settled' }
    }
    const observed = await port.ensureDevice({}, signal)
    await writer.amend('Device', uid, (current) =>
      readiness(
        current,
        {
          status: observed.isReady ? 'True' : 'False',
          reason: observed.isReady ? 'Running' : 'NotReady',
          message: observed.message,
          ...(observed.remedy === undefined ? {} : { remedy: observed.remedy }),
        },
        clock,
        {
          // A device that cannot answer for a moment is where it was: routes to it stay.
          facts: observed.isReady ? observed.facts : { ...current.status.facts, ...observed.facts },
          ...(observed.engineVersion === undefined
            ? {}
            : { engineVersion: observed.engineVersion }),
        },
        device.metadata.generation,
      ),
    )
    if (device.spec.class === 'orchestrator') await this.#tellNode(device, observed.facts)
    return { kind: 'requeue', afterMs: observed.isReady ? RESYNC_MS : NOT_READY_RETRY_MS }
  }

  async report(uid: string, error: PolisError): Promise<void> {
    const { cache, writer, clock } = this.#deps
    const device = cache.find('Device', uid)
    const change = device && readiness(device, failure(error), clock)
    if (change !== undefined) await writer.commit([change])
  }

  /** What the orchestrator knows of its node, the edge and the tasks of that node need. */
  async #tellNode({ spec }: Device, facts: Readonly<Record<string, string>>): Promise<void> {
    const engineNode = facts['engineNode']
    const gatewayAddress = facts['gatewayAddress']
    await this.#deps.writer.amend('Node', spec.nodeUid, (node) =>
      statusChange(node, {
        ...node.status,
        ...(engineNode === undefined ? {} : { engineNode }),
        ...(gatewayAddress === undefined ? {} : { gatewayAddress }),
      }),
    )
  }
}

function isNodeNews(deviceClass: string, { before, after }: ObjectEvent): boolean {
  if (before?.kind !== 'Node' || after?.kind !== 'Node') return after !== undefined
  const connected = (node: typeof after): string | undefined =>
    node.status.conditions.find(({ type }) => type === 'Connected')?.status
  if (connected(before) !== connected(after)) return true
  return deviceClass === 'ingress' && before.status.gatewayAddress !== after.status.gatewayAddress
}
