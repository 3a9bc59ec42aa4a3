import type { EdgeTable, Endpoint, GatewayRoute } from '@polis/hal/ingress'
import type { Attachment } from '@polis/resources/attachment'
import type { Node } from '@polis/resources/node'
import type { Task } from '@polis/resources/task'
import type { ObjectReader } from '../objects/object-cache.ts'

export interface EdgePlan {
  readonly table: EdgeTable
  /** Incarnation that may be sent traffic, by task uid: what `routedIncarnation` becomes once the table holds. */
  readonly routed: ReadonlyMap<string, string>
  /** Attachments that the table honours. */
  readonly attachmentUids: ReadonlySet<string>
}

/**
 * All that one node's edge shall do, from what is known now. A task is sent traffic only while its very incarnation
 * runs, is healthy and is not on its way out; it may use what its service is attached to from the moment it has an
 * address, since programs ask their database before they are healthy, and until its container ends. Pure.
 */
export function planEdge(reader: ObjectReader, node: Node): EdgePlan {
  const http: EdgeTable['http'] = []
  const ports: EdgeTable['ports'] = []
  const gateway = new Map<string, GatewayRoute>()
  const routed = new Map<string, string>()
  const attachmentUids = new Set<string>()

  for (const { metadata, spec } of reader.list('Attachment')) {
    if (metadata.deletionRequestedAt !== undefined) continue
    const { uid } = metadata
    const { target } = spec
    const tasks = reader
      .ownedBy('Task', spec.serviceUid)
      .filter((task) => task.status.nodeUid === node.metadata.uid)
    switch (target.type) {
      case 'domain': {
        const host = reader.find('Domain', target.domainUid)?.spec.host
        if (host === undefined) continue
        http.push({ uid, host, endpoints: endpointsOf(tasks, target.port, routed) })
        break
      }
      case 'port': {
        const { address, port, targetPort } = target
        ports.push({ uid, address, port, endpoints: endpointsOf(tasks, targetPort, routed) })
        break
      }
      case 'database': {
        const route = gateway.get(target.databaseUid) ?? gatewayRoute(reader, target.databaseUid)
        if (route === undefined) continue
        const admitted = new Set([...route.admitted, ...addressesOf(tasks)])
        gateway.set(route.uid, { ...route, admitted: [...admitted].toSorted() })
        break
      }
      case 'volume':
      case 'secret':
        continue
    }
    attachmentUids.add(uid)
  }
  return {
    table: {
      http: http.toSorted(byUid),
      ports: ports.toSorted(byUid),
      gateway: [...gateway.values()].toSorted(byUid),
      certificates: [],
    },
    routed,
    attachmentUids,
  }
}

/** Whether a service's tasks are sent traffic by the edge at all. */
export function isServiceRouted(attachments: readonly Attachment[]): boolean {
  return attachments.some(
    ({ spec, metadata }) =>
      (spec.target.type === 'domain' || spec.target.type === 'port') &&
      metadata.deletionRequestedAt === undefined,
  )
}

function endpointsOf(
  tasks: readonly Task[],
  port: number,
  routed: Map<string, string>,
): Endpoint[] {
  const endpoints = tasks.flatMap((task): Endpoint[] => {
    const { state, address, incarnation } = task.status
    const isOpen = state === 'running' && task.metadata.deletionRequestedAt === undefined
    if (!isOpen || address === undefined || incarnation === undefined) return []
    routed.set(task.metadata.uid, incarnation)
    return [{ taskUid: task.metadata.uid, incarnation, address, port }]
  })
  return endpoints.toSorted((a, b) => (a.taskUid < b.taskUid ? -1 : 1))
}

/** Addresses of containers that run. One that has ended may have left its address to a stranger. */
function addressesOf(tasks: readonly Task[]): readonly string[] {
  return tasks.flatMap(({ status }) =>
    status.incarnation === undefined ? [] : (status.address ?? []),
  )
}

/** The way to a database, nobody let in yet; undefined while nobody knows where it is. */
function gatewayRoute(reader: ObjectReader, databaseUid: string): GatewayRoute | undefined {
  const database = reader.find('Database', databaseUid)
  const device = reader.find('Device', database?.spec.deviceUid)
  const upstream = toAddress(device?.status.facts['address'])
  if (database === undefined || upstream === undefined) return undefined
  const { gatewayPort: port } = database.spec
  return { uid: databaseUid, port, upstreams: [upstream], admitted: [] }
}

function toAddress(text: string | undefined): { address: string; port: number } | undefined {
  if (text === undefined) return undefined
  const at = text.lastIndexOf(':')
  return { address: text.slice(0, at), port: Number(text.slice(at + 1)) }
}

function byUid(a: { readonly uid: string }, b: { readonly uid: string }): number {
  return a.uid < b.uid ? -1 : 1
}
