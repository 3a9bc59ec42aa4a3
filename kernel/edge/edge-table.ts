import type { EdgeTable, Endpoint, GatewayRoute, HttpRoute, PortRoute } from '@polis/hal/ingress'
import type { Attachment } from '@polis/resources/attachment'
import type { Node } from '@polis/resources/node'
import type { Task } from '@polis/resources/task'
import type { ObjectReader } from '../objects/object-cache.ts'
import { attachmentsOf } from '../planner/expand-instance.ts'

/** What one service has of a node's edge. */
export interface ServiceRoutes {
  readonly http: readonly HttpRoute[]
  readonly ports: readonly PortRoute[]
  /** The ways to its databases, its own tasks let in. */
  readonly gateway: readonly GatewayRoute[]
  /** Incarnation that may be sent traffic, by task uid: what `routedIncarnation` becomes once the table holds. */
  readonly routed: ReadonlyMap<string, string>
  /** Attachments that the routes honour. */
  readonly attachmentUids: ReadonlySet<string>
}

/**
 * All that one node's edge shall do for a service, from what is known now. A task is sent traffic only while its very
 * incarnation runs, is healthy and is not on its way out; it may use what its service is attached to from the moment
 * it has an address, since programs ask their database before they are healthy, and until its container ends. Pure.
 */
export function planService(reader: ObjectReader, node: Node, serviceUid: string): ServiceRoutes {
  const http: HttpRoute[] = []
  const ports: PortRoute[] = []
  const gateway: GatewayRoute[] = []
  const routed = new Map<string, string>()
  const attachmentUids = new Set<string>()
  const tasks = reader
    .ownedBy('Task', serviceUid)
    .filter((task) => task.status.nodeUid === node.metadata.uid)

  for (const { metadata, spec } of attachmentsOf(reader, serviceUid)) {
    if (metadata.deletionRequestedAt !== undefined) continue
    const { uid } = metadata
    const { target } = spec
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
        const route = gatewayRoute(reader, target.databaseUid)
        if (route === undefined) continue
        gateway.push({ ...route, admitted: addressesOf(tasks) })
        break
      }
      case 'volume':
      case 'secret':
        continue
    }
    attachmentUids.add(uid)
  }
  return { http, ports, gateway, routed, attachmentUids }
}

/** The routes of all services as one table. A way to a database lets in the tasks of every service that has it. */
export function toTable(services: Iterable<ServiceRoutes>): EdgeTable {
  const http: HttpRoute[] = []
  const ports: PortRoute[] = []
  const gateway = new Map<string, GatewayRoute>()
  for (const routes of services) {
    http.push(...routes.http)
    ports.push(...routes.ports)
    for (const route of routes.gateway) {
      const others = gateway.get(route.uid)?.admitted ?? []
      const admitted = [...new Set([...others, ...route.admitted])].toSorted()
      gateway.set(route.uid, { ...route, admitted })
    }
  }
  return {
    http: http.toSorted(byUid),
    ports: ports.toSorted(byUid),
    gateway: [...gateway.values()].toSorted(byUid),
    certificates: [],
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
function addressesOf(tasks: readonly Task[]): string[] {
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
