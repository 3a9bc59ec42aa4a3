import { z } from 'zod'
import { defineKind, guarding, type ObjectOf, pointing } from './kind.ts'
import { BaseStatus, NOT_OBSERVED } from './object.ts'
import { TaskTemplate } from './service.ts'

/** Immutable: a change of the service is a new task. */
export const TaskSpec = z.strictObject({
  serviceUid: z.string(),
  revisionUid: z.string(),
  /** 1 to replicas; two tasks may share one while the newer replaces the older. */
  slot: z.number().int().positive(),
  template: TaskTemplate,
  /** Digest of the template: tasks of one hash are alike. */
  templateHash: z.string(),
})
export type TaskSpec = z.infer<typeof TaskSpec>

export const TaskStatus = BaseStatus.extend({
  state: z.enum(['waiting', 'pending', 'starting', 'running', 'unhealthy', 'exited', 'lost']),
  /** Why it is not running, in words. */
  message: z.string(),
  /** Fencing token: identity of the container that runs now. A route holds for one incarnation only. */
  incarnation: z.string().optional(),
  containerId: z.string().optional(),
  startedAt: z.string().optional(),
  address: z.string().optional(),
  nodeUid: z.string().optional(),
  exitCode: z.number().int().optional(),
  restarts: z.number().int().nonnegative(),
  /** The incarnation that the edge was told to send traffic to; empty or older: none comes. */
  routedIncarnation: z.string().optional(),
  /** Attachments whose files are in place under `/polis` of this task. */
  mountedAttachmentUids: z.array(z.string()),
})
export type TaskStatus = z.infer<typeof TaskStatus>

export const taskKind = defineKind({
  name: 'Task',
  plural: 'tasks',
  scope: 'project',
  summary: 'One container of a service.',
  version: 1,
  spec: TaskSpec,
  status: TaskStatus,
  newStatus: {
    ...NOT_OBSERVED,
    state: 'waiting',
    message: 'not looked at yet',
    restarts: 0,
    mountedAttachmentUids: [],
  },
  references: (spec) => [
    ...pointing(spec.serviceUid),
    ...spec.template.mounts.flatMap((mount) => guarding(mount.volumeUid)),
  ],
})
export type Task = ObjectOf<typeof taskKind>
