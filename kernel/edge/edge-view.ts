import type { EdgeTable } from '@polis/hal/ingress'
import type { Node } from '@polis/resources/node'
import { isSame } from '../controller/report.ts'
import type { ObjectReader } from '../objects/object-cache.ts'
import { planService, type ServiceRoutes, toTable } from './edge-table.ts'

/** What one node's edge shall do, kept by looking again only at services that something happened to. */
export class EdgeView {
  readonly #services = new Map<string, ServiceRoutes>()
  #toLookAt = new Set<string>()

  /** Something happened to the service. */
  mark(serviceUid: string): void {
    this.#toLookAt.add(serviceUid)
  }

  /** Looks at the services that were marked. Returns them, and whether the table is another one since. */
  look(
    reader: ObjectReader,
    node: Node,
  ): { readonly serviceUids: ReadonlySet<string>; readonly hasChanged: boolean } {
    const serviceUids = this.#toLookAt
    this.#toLookAt = new Set()
    let hasChanged = false
    for (const uid of serviceUids) {
      const before = this.#services.get(uid)
      const after = planService(reader, node, uid)
      hasChanged ||= !isSame(routesOf(before), routesOf(after))
      if (after.attachmentUids.size === 0) this.#services.delete(uid)
      else this.#services.set(uid, after)
    }
    return { serviceUids, hasChanged }
  }

  get table(): EdgeTable {
    return toTable(this.#services.values())
  }

  /** Incarnation of the service's task that the table sends traffic to. */
  routedIncarnation(serviceUid: string, taskUid: string): string | undefined {
    return this.#services.get(serviceUid)?.routed.get(taskUid)
  }

  /** Whether the table honours the service's attachment. */
  honours(serviceUid: string, attachmentUid: string): boolean {
    return this.#services.get(serviceUid)?.attachmentUids.has(attachmentUid) === true
  }
}

function routesOf(routes: ServiceRoutes | undefined): unknown {
  return [routes?.http ?? [], routes?.ports ?? [], routes?.gateway ?? []]
}
