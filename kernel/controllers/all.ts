import type { KindName } from '@polis/resources/registry'
import type { Reconciler } from '../controller/controller.ts'
import { AttachmentReconciler } from './attachment-reconciler.ts'
import { DatabaseReconciler } from './database-reconciler.ts'
import type { ReconcilerDeps } from './deps.ts'
import { DeviceReconciler } from './device-reconciler.ts'
import { EdgeReconciler } from './edge-reconciler.ts'
import { ImageReconciler } from './image-reconciler.ts'
import { InstanceReconciler } from './instance-reconciler.ts'
import { NodeReconciler, type StandardDevice } from './node-reconciler.ts'
import { type RECORD_KINDS, RecordReconciler } from './record-reconciler.ts'
import { ServiceReconciler } from './service-reconciler.ts'
import { TaskReconciler } from './task-reconciler.ts'
import { VolumeReconciler } from './volume-reconciler.ts'

/** One reconciler per kind, and the edge, which belongs to none. */
export function reconcilersOf(
  deps: ReconcilerDeps,
  standardDevices: readonly StandardDevice[],
): readonly Reconciler[] {
  return [
    new NodeReconciler(deps, standardDevices),
    new DeviceReconciler(deps),
    new ImageReconciler(deps),
    new DatabaseReconciler(deps),
    new VolumeReconciler(deps),
    new InstanceReconciler(deps),
    new ServiceReconciler(deps),
    new TaskReconciler(deps),
    new AttachmentReconciler(deps),
    new EdgeReconciler(deps),
    new RecordReconciler(deps),
  ]
}

/** Which reconciler looks after each kind: the completeness check asks for an entry of every kind. */
export const RECONCILED_BY: Readonly<Record<KindName, string>> = {
  Node: 'node',
  Device: 'device',
  Image: 'image',
  Database: 'database',
  Volume: 'volume',
  Instance: 'instance',
  Service: 'service',
  Task: 'task',
  Attachment: 'attachment',
  Project: 'record',
  Driver: 'record',
  Application: 'record',
  Revision: 'record',
  Domain: 'record',
  Secret: 'record',
  Config: 'record',
  User: 'record',
  RoleBinding: 'record',
  Token: 'record',
} satisfies Record<(typeof RECORD_KINDS)[number], 'record'> & Record<KindName, string>
