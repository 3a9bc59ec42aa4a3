import type { InstanceShow } from '../documents/application.ts'
import type { InstanceList } from '../documents/workloads.ts'
import type { ResultOf } from '../graphql.ts'
import type { toResource } from '../objects.ts'
import { toTable } from '../output/table.ts'
import { toAge } from '../output/units.ts'

type Listed = ResultOf<typeof InstanceList>['page']['nodes'][number]
export type InstanceRow = ReturnType<typeof toResource<Listed>>
type Shown = NonNullable<ResultOf<typeof InstanceShow>['found']>
type Service = Shown['services'][number]

/** One word on how an instance is. */
export function stateOf(instance: {
  readonly deletionRequestedAt: string | null
  readonly isReady: boolean
  readonly spec: { readonly isStopped: boolean }
  readonly status: {
    readonly conditions: readonly {
      readonly type: string
      readonly status: string
      readonly reason: string
    }[]
  }
}): string {
  if (instance.deletionRequestedAt !== null) return 'removing'
  if (instance.spec.isStopped) return 'stopped'
  if (instance.isReady) return 'ready'
  const failing = instance.status.conditions.find(
    ({ type, status }) => type === 'Ready' && status !== 'True',
  )
  return failing === undefined ? 'pending' : failing.reason
}

/** Everything about an instance that a person wants to see at a glance. */
export function toInstanceText(instance: Shown, now: Date): string {
  const { name, application, revision, services, revisions, status } = instance
  const wrong = status.conditions.filter(({ status: holds }) => holds !== 'True')
  const parts = [
    [
      `${name}: ${stateOf(instance)}`,
      `  application: ${application?.name ?? '-'}`,
      `  revision: ${revision?.spec.number ?? '-'} of ${revisions.length}`,
      ...wrong.map(({ message, remedy }) => `  ${message}${remedy === null ? '' : ` (${remedy})`}`),
    ].join('\n'),
    ...services.map((service) => serviceText(service, now)),
  ]
  return parts.join('\n\n')
}

function serviceText({ spec, status, tasks, attachments }: Service, now: Date): string {
  const lines = [`${spec.serviceName}: ${status.runningReplicas} of ${spec.replicas} running`]
  if (tasks.length > 0) {
    const table = toTable(tasks, [
      { title: 'SLOT', text: (task) => String(task.spec.slot) },
      { title: 'STATE', text: (task) => task.status.state },
      { title: 'NODE', text: (task) => task.node?.name ?? '-' },
      { title: 'UP', text: (task) => toAge(task.status.startedAt, now) },
      { title: 'RESTARTS', text: (task) => String(task.status.restarts) },
      {
        title: 'MESSAGE',
        text: (task) => (task.status.state === 'running' ? '' : task.status.message),
      },
    ])
    lines.push(indent(table))
  }
  lines.push(...attachments.map((attachment) => `  ${attachmentText(attachment)}`))
  return lines.join('\n')
}

function attachmentText({ spec, isReady }: Service['attachments'][number]): string {
  const waiting = isReady ? '' : ' (not ready)'
  const { target, alias } = spec
  switch (target.__typename) {
    case 'DomainTarget':
      return `domain ${target.domain?.name ?? alias} to port ${target.port}${waiting}`
    case 'DatabaseTarget':
      return `database ${target.database?.name ?? alias} as ${alias}${waiting}`
    case 'VolumeTarget':
      return `volume ${target.volume?.name ?? alias} at /polis/${alias}${target.isReadOnly ? ', read-only' : ''}${waiting}`
    case 'PortTarget':
      return `port ${target.address}:${target.publishedPort} to ${target.targetPort}${waiting}`
    case 'SecretTarget':
      return `secret ${target.secret?.name ?? alias} as ${alias}${waiting}`
  }
}

function indent(text: string): string {
  return text
    .split('\n')
    .map((line) => `  ${line}`)
    .join('\n')
}
