import type { DriverManifest } from '@polis/hal/driver'
import { newUid } from '@polis/lib/uid'
import { toDnsLabel } from '@polis/lib/names'
import type { NodeFacts } from '@polis/resources/node'
import { withCondition } from '@polis/resources/object'
import { readiness, statusChange } from './controller/report.ts'
import { CONNECTED } from './controllers/node-reconciler.ts'
import type { ReconcilerDeps } from './controllers/deps.ts'
import type { ObjectChange } from './objects/change.ts'

type NodesDeps = Pick<ReconcilerDeps, 'cache' | 'writer' | 'clock'>

/** What the kernel is told of its nodes by whoever holds the connections. */
export class Nodes {
  readonly #deps: NodesDeps

  constructor(deps: NodesDeps) {
    this.#deps = deps
  }

  /**
   * A node that proved its join token: its object, made anew, together with `spending` the token. Returns its uid.
   * Throws Aborted when somebody else took the name, the uid or the token's use: decide again.
   */
  async enrolled(
    hostName: string,
    uid: string = newUid(),
    spending: readonly ObjectChange[] = [],
  ): Promise<string> {
    const { cache, writer } = this.#deps
    const base = toDnsLabel(hostName) ?? 'node'
    let name = base
    for (let n = 2; cache.findByName('Node', undefined, name) !== undefined; n += 1)
      name = `${base}-${n}`
    const spec = { isSchedulable: true, labels: {} }
    await writer.commit([
      ...spending,
      { type: 'create', draft: { kind: 'Node', metadata: { uid, name }, spec } },
    ])
    return uid
  }

  /** Its agent is connected, and offers these drivers. */
  async connected(uid: string, manifests: readonly DriverManifest[]): Promise<void> {
    for (const manifest of manifests) await this.#offer(uid, manifest)
    await this.#setConnected(uid, true)
  }

  async lost(uid: string): Promise<void> {
    await this.#setConnected(uid, false)
  }

  async reported(uid: string, facts: NodeFacts): Promise<void> {
    await this.#deps.writer.amend('Node', uid, (node) =>
      statusChange(node, { ...node.status, facts }),
    )
  }

  async #setConnected(uid: string, isConnected: boolean): Promise<void> {
    const { writer, clock } = this.#deps
    const condition = {
      type: CONNECTED,
      status: isConnected ? ('True' as const) : ('False' as const),
      reason: isConnected ? 'SessionOpen' : 'SessionLost',
      message: '',
    }
    await writer.amend('Node', uid, (node) =>
      statusChange(node, {
        ...node.status,
        conditions: withCondition(node.status.conditions, condition, clock.now()),
      }),
    )
  }

  async #offer(nodeUid: string, manifest: DriverManifest): Promise<void> {
    const { cache, writer, clock } = this.#deps
    const { name } = manifest
    if (cache.findByName('Driver', undefined, name) === undefined) {
      const draft = { kind: 'Driver' as const, metadata: { uid: newUid(), name }, spec: {} }
      await writer.commit([{ type: 'create', draft }])
    }
    const driver = cache.findByName('Driver', undefined, name)
    if (driver === undefined) return
    await writer.amend('Driver', driver.metadata.uid, (current) =>
      readiness(current, { status: 'True', reason: 'Offered', message: '' }, clock, {
        class: manifest.class,
        version: manifest.version,
        summary: manifest.summary,
        parameters: manifest.parameters,
        capabilities: manifest.capabilities,
        nodeUids: [...new Set([...current.status.nodeUids, nodeUid])].toSorted(),
      }),
    )
  }
}
