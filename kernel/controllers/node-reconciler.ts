import { newUid } from '@polis/lib/uid'
import { findCondition } from '@polis/resources/object'
import type { Node } from '@polis/resources/node'
import type { Reconciler, Result } from '../controller/controller.ts'
import { readiness } from '../controller/report.ts'
import type { ObjectEvent } from '../objects/object-cache.ts'
import type { ReconcilerDeps } from './deps.ts'

/** Condition that says whether a node's agent is connected. */
export const CONNECTED = 'Connected'

/** A device that every node has from the moment it joins. */
export interface StandardDevice {
  readonly driver: string
  readonly name: string
  readonly parameters: Readonly<Record<string, unknown>>
}

/** Gives each node the devices that applications need, and says whether the node is fit to run them. */
export class NodeReconciler implements Reconciler {
  readonly name = 'node'
  readonly concurrency = 2
  readonly #deps: ReconcilerDeps
  readonly #standardDevices: readonly StandardDevice[]

  constructor(deps: ReconcilerDeps, standardDevices: readonly StandardDevice[]) {
    this.#deps = deps
    this.#standardDevices = standardDevices
  }

  keysOf({ before, after }: ObjectEvent): readonly string[] {
    const object = after ?? before
    if (object?.kind === 'Node') return [object.metadata.uid]
    return object?.kind === 'Driver' || object?.kind === 'Device' ? this.allKeys() : []
  }

  allKeys(): readonly string[] {
    return this.#deps.cache.list('Node').map(({ metadata }) => metadata.uid)
  }

  async reconcile(uid: string): Promise<Result> {
    const { cache, writer, clock } = this.#deps
    const node = cache.find('Node', uid)
    if (node === undefined) return { kind: 'settled' }
    if (node.metadata.deletionRequestedAt !== undefined) {
      if (cache.guardsOf(uid).length === 0) await writer.commit([{ type: 'remove', before: node }])
      return { kind: 'settled' }
    }
    await this.#giveDevices(node)
    const isConnected = findCondition(node.status, CONNECTED)?.status === 'True'
    await writer.amend('Node', uid, (current) =>
      readiness(
        current,
        isConnected
          ? { status: 'True', reason: CONNECTED, message: '' }
          : {
              status: 'False',
              reason: 'Disconnected',
              message: 'its agent is not connected; what runs there goes on running',
              remedy: 'on that node: polis up',
            },
        clock,
      ),
    )
    return { kind: 'settled' }
  }

  async #giveDevices(node: Node): Promise<void> {
    const { cache, writer } = this.#deps
    const { uid: nodeUid } = node.metadata
    for (const wanted of this.#standardDevices) {
      const driver = cache.findByName('Driver', undefined, wanted.driver)
      const deviceClass = driver?.status.class
      if (deviceClass === undefined || driver?.status.nodeUids.includes(nodeUid) !== true) continue
      const hasOne = cache
        .list('Device')
        .some(({ spec }) => spec.class === deviceClass && spec.nodeUid === nodeUid)
      if (hasOne) continue
      const isTaken = cache.findByName('Device', undefined, wanted.name) !== undefined
      const name = isTaken ? `${wanted.name}-${node.metadata.name}` : wanted.name
      const spec = {
        driver: wanted.driver,
        class: deviceClass,
        nodeUid,
        parameters: { ...wanted.parameters },
      }
      await writer.commit([
        { type: 'create', draft: { kind: 'Device', metadata: { uid: newUid(), name }, spec } },
      ])
    }
  }
}
