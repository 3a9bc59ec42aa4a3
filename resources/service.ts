import { z } from 'zod'
import { defineKind, guarding, type ObjectOf, pointing } from './kind.ts'
import { BaseStatus, NOT_OBSERVED } from './object.ts'

export const HealthCheck = z.strictObject({
  /** As in an image: ['CMD', …], ['CMD-SHELL', …] or ['NONE']. */
  test: z.array(z.string()),
  intervalMs: z.number().int().positive().optional(),
  timeoutMs: z.number().int().positive().optional(),
  startPeriodMs: z.number().int().nonnegative().optional(),
  retries: z.number().int().positive().optional(),
})
export type HealthCheck = z.infer<typeof HealthCheck>

/** All that a task is started from. A change of it replaces tasks; nothing else does. */
export const TaskTemplate = z.strictObject({
  /** Pinned: an id or a reference with a digest, so that equal templates run equal programs. */
  image: z.string(),
  command: z.array(z.string()).optional(),
  entrypoint: z.array(z.string()).optional(),
  workingDir: z.string().optional(),
  user: z.string().optional(),
  init: z.boolean().optional(),
  stopSignal: z.string().optional(),
  stopGracePeriodMs: z.number().int().nonnegative(),
  environment: z.record(z.string(), z.string()),
  /** Variables filled from a binding when the task starts; `version` makes a rotated password a change. */
  environmentFrom: z.record(
    z.string(),
    z.strictObject({ alias: z.string(), key: z.string(), version: z.number().int() }),
  ),
  labels: z.record(z.string(), z.string()),
  healthCheck: HealthCheck.optional(),
  resources: z.strictObject({
    memoryBytes: z.number().int().positive().optional(),
    cpus: z.number().positive().optional(),
    memoryReservationBytes: z.number().int().positive().optional(),
    cpusReservation: z.number().positive().optional(),
    pids: z.number().int().positive().optional(),
  }),
  /** Volumes at paths of the container's own, mounted when it starts. */
  mounts: z.array(
    z.strictObject({ volumeUid: z.string(), target: z.string(), isReadOnly: z.boolean() }),
  ),
  /** Changes when an operator asks for a restart. */
  restartToken: z.string().optional(),
  /** Names on the instance's network. */
  aliases: z.array(z.string()),
})
export type TaskTemplate = z.infer<typeof TaskTemplate>

export const ServiceSpec = z.strictObject({
  instanceUid: z.string(),
  revisionUid: z.string(),
  imageUid: z.string(),
  /** What the Compose file calls it. */
  serviceName: z.string(),
  replicas: z.number().int().min(0),
  template: TaskTemplate,
  /** Services of the same instance that must be there before a task of this one starts. */
  dependsOn: z.array(
    z.strictObject({
      serviceName: z.string(),
      condition: z.enum(['started', 'healthy']),
    }),
  ),
  /** 'stop-first' where two tasks must never overlap: an exclusive volume. */
  updateOrder: z.enum(['start-first', 'stop-first']),
  /** Ports the service says it listens on; the first is the default target of a domain. */
  exposedPorts: z.array(z.number().int()),
})
export type ServiceSpec = z.infer<typeof ServiceSpec>

export const ServiceStatus = BaseStatus.extend({
  /** Tasks of the newest template that are running and routed. */
  updatedReplicas: z.number().int(),
  /** Tasks of any template that are running. */
  runningReplicas: z.number().int(),
})
export type ServiceStatus = z.infer<typeof ServiceStatus>

export const serviceKind = defineKind({
  name: 'Service',
  plural: 'services',
  scope: 'project',
  summary: 'One service of an instance: its template, how many tasks, and how they are replaced.',
  version: 1,
  spec: ServiceSpec,
  status: ServiceStatus,
  newStatus: { ...NOT_OBSERVED, updatedReplicas: 0, runningReplicas: 0 },
  references: ({ instanceUid, revisionUid, imageUid, template }) => [
    ...pointing(instanceUid),
    ...pointing(revisionUid),
    ...guarding(imageUid),
    ...template.mounts.flatMap((mount) => guarding(mount.volumeUid)),
  ],
})
export type Service = ObjectOf<typeof serviceKind>
