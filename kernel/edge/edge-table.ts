import type { EdgeTable, Endpoint } from '@polis/hal/ingress'
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
 * address, since programs ask their database before they are healthy. Pure.
 */
export function planEdge(reader: ObjectReader, node: Node): EdgePlan {
  const http: EdgeTable['http'] = []
  const ports: EdgeTable['ports'] = []
  const routed = new Map<string, string>()
  const attachmentUids = new Set<string>()
  const admittedByDatabase = new Map<string, string[]>()

  for (const attachment of reader.list('Attachment')) {
    if (attachment.metadata.deletionRequestedAt !== undefined) continue
    const { serviceUid, target } = attachment.spec
    const tasks = reader
      .ownedBy('Task', serviceUid)
      .filter((task) => task.status.nodeUid === node.metadata.uid)
    attachmentUids.add(attachment.metadata.uid)
    switch (target.type) {
      case 'domain': {
        const domain = reader.find('Domain', target.domainUid)
        if (domain === undefined) break
        const endpoints = endpointsOf(tasks, target.port, routed)
        http.push({ uid: attachment.metadata.uid, host: domain.spec.host, endpoints })
        break
      }
      case 'port': {
        const { address, port, targetPort } = target
        const endpoints = endpointsOf(tasks, targetPort, routed)
        ports.push({ uid: attachment.metadata.uid, address, port, endpoints })
        break
      }
      case 'database': {
        const admitted = admittedByDatabase.get(target.databaseUid) ?? []
        admitted.push(...tasks.flatMap((task) => task.status.address ?? []))
        admittedByDatabase.set(target.databaseUid, admitted)
        break
      }
      case 'volume':
      case 'secret':
        attachmentUids.delete(attachment.metadata.uid)
        break
    }
  }
  return {
    table: {
      http: http.toSorted(byUid),
      ports: ports.toSorted(byUid),
      gateway: gatewayRoutes(reader, admittedByDatabase).toSorted(byUid),
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

function gatewayRoutes(
  reader: ObjectReader,
  admittedByDatabase: ReadonlyMap<string, readonly string[]>,
): EdgeTable['gateway'] {
  return [...admittedByDatabase].flatMap(([databaseUid, admitted]) => {
    const database = reader.find('Database', databaseUid)
    const device = reader.find('Device', database?.spec.deviceUid)
    const upstream = toAddress(device?.status.facts['address'])
    if (database === undefined || upstream === undefined) return []
    return [
      {
        uid: databaseUid,
        port: database.spec.gatewayPort,
        upstreams: [upstream],
        admitted: [...new Set(admitted)].toSorted(),
      },
    ]
  })
}

function toAddress(text: string | undefined): { address: string; port: number } | undefined {
  if (text === undefined) return undefined
  const at = text.lastIndexOf(':')
  return { address: text.slice(0, at), port: Number(text.slice(at + 1)) }
}

function byUid(a: { readonly uid: string }, b: { readonly uid: string }): number {
  return a.uid < b.uid ? -1 : 1
}
