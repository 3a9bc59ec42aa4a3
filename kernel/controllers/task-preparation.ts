import type { TaskSpec } from '@polis/hal/orchestrator'
import type { TaskRootSpec } from '@polis/hal/volume-host'
import type { Attachment } from '@polis/resources/attachment'
import { isReady } from '@polis/resources/object'
import type { Service } from '@polis/resources/service'
import type { Task } from '@polis/resources/task'
import type { SecretSealer } from '../identity/secret-sealing.ts'
import type { ObjectReader } from '../objects/object-cache.ts'
import { attachmentsOf } from '../planner/expand-instance.ts'
import { bindingOf, filesOf, GATEWAY_HOST } from './binding.ts'

/** What keeps a task from starting, in words; undefined: nothing. Pure. */
export function findObstacle(
  reader: ObjectReader,
  task: Task,
  service: Service,
): string | undefined {
  for (const { serviceName, condition } of service.spec.dependsOn) {
    const needed = reader
      .ownedBy('Service', service.spec.instanceUid)
      .find((other) => other.spec.serviceName === serviceName)
    const isThere = needed !== undefined && isDependencyMet(reader, needed, condition)
    if (!isThere) return `waiting for service ${serviceName} to be ${condition}`
  }
  for (const { metadata, spec } of stayingAttachments(reader, service.metadata.uid)) {
    const { target } = spec
    const given =
      target.type === 'database'
        ? reader.find('Database', target.databaseUid)
        : target.type === 'volume'
          ? reader.find('Volume', target.volumeUid)
          : undefined
    if (given !== undefined && !isReady(given))
      return `waiting for ${target.type} ${given.metadata.name} (${metadata.name})`
  }
  for (const { volumeUid } of task.spec.template.mounts) {
    const volume = reader.find('Volume', volumeUid)
    if (volume?.status.path === undefined)
      return `waiting for volume ${volume?.metadata.name ?? 'that is gone'}`
  }
  return undefined
}

function isDependencyMet(
  reader: ObjectReader,
  needed: Service,
  condition: 'started' | 'healthy',
): boolean {
  const states = reader.ownedBy('Task', needed.metadata.uid).map((task) => task.status.state)
  // The engine calls a task running only when its health check has passed.
  return condition === 'healthy'
    ? states.includes('running')
    : states.some((state) => state === 'running' || state === 'starting' || state === 'unhealthy')
}

/** Attachments that hold for the service's tasks now: those that are going are none. */
export function stayingAttachments(
  reader: ObjectReader,
  serviceUid: string,
): readonly Attachment[] {
  return attachmentsOf(reader, serviceUid).filter(
    ({ metadata }) => metadata.deletionRequestedAt === undefined,
  )
}

/** All that the task shall see under `/polis`. */
export function taskRootOf(
  reader: ObjectReader,
  sealer: SecretSealer,
  task: Task,
): { readonly root: TaskRootSpec; readonly attachmentUids: readonly string[] } {
  const attachments = stayingAttachments(reader, task.spec.serviceUid).filter(({ spec }) =>
    ['database', 'volume', 'secret'].includes(spec.target.type),
  )
  return {
    root: {
      taskUid: task.metadata.uid,
      volumes: attachments.flatMap(({ spec }) =>
        spec.target.type === 'volume'
          ? [
              {
                name: spec.alias,
                volumeUid: spec.target.volumeUid,
                readOnly: spec.target.isReadOnly,
              },
            ]
          : [],
      ),
      trees: attachments.flatMap((attachment) => filesOf(reader, sealer, attachment) ?? []),
    },
    attachmentUids: attachments.map(({ metadata }) => metadata.uid).toSorted(),
  }
}

export interface TaskSpecInput {
  readonly reader: ObjectReader
  readonly sealer: SecretSealer
  readonly task: Task
  readonly service: Service
  /** Folder of the node that the task sees as `/polis`. */
  readonly rootPath: string
  readonly gatewayAddress: string | undefined
  /** The engine's name of the node that the task's volumes bind it to. */
  readonly engineNode: string | undefined
}

/** The container that the orchestrator shall keep running for a task. Throws NotFound when a volume is gone. */
export function toTaskSpec(input: TaskSpecInput): TaskSpec {
  const { reader, task, service, rootPath, gatewayAddress, engineNode } = input
  const {
    environmentFrom: _bound,
    aliases,
    mounts,
    restartToken: _token,
    ...template
  } = task.spec.template

  return {
    ...template,
    uid: task.metadata.uid,
    label: `${service.metadata.name}.${task.spec.slot}`,

    environment: {
      SERVICE_BINDING_ROOT: '/polis/bindings',
      ...template.environment,
      ...boundEnvironment(input),
    },
    networks: [{ uid: service.spec.instanceUid, aliases }],
    mounts: [
      { source: rootPath, target: '/polis', readOnly: false, propagation: 'rslave' },
      ...mounts.map(({ volumeUid, target, isReadOnly }) => ({
        source: reader.get('Volume', volumeUid).status.path ?? '',
        target,
        readOnly: isReadOnly,
        propagation: 'private' as const,
      })),
    ],
    hosts: gatewayAddress === undefined ? {} : { [GATEWAY_HOST]: gatewayAddress },
    ...(engineNode === undefined ? {} : { engineNode }),
  }
}

function boundEnvironment({
  reader,
  sealer,
  task,
}: TaskSpecInput): Readonly<Record<string, string>> {
  const attachments = stayingAttachments(reader, task.spec.serviceUid)
  const entries = Object.entries(task.spec.template.environmentFrom).flatMap(
    ([name, { alias, key }]) => {
      const target = attachments.find(
        ({ spec }) => spec.alias === alias && spec.target.type === 'database',
      )?.spec.target
      const binding =
        target?.type === 'database' ? bindingOf(reader, sealer, target.databaseUid) : undefined
      const value = binding?.[key]
      return value === undefined ? [] : [[name, value] as const]
    },
  )
  return Object.fromEntries(entries)
}
