import { applicationKind } from './application.ts'
import { attachmentKind } from './attachment.ts'
import { configKind } from './config.ts'
import { databaseKind } from './database.ts'
import { deviceKind } from './device.ts'
import { domainKind } from './domain.ts'
import { driverKind } from './driver.ts'
import { imageKind } from './image.ts'
import { instanceKind } from './instance.ts'
import type { ObjectOf } from './kind.ts'
import { nodeKind } from './node.ts'
import { projectKind } from './project.ts'
import { revisionKind } from './revision.ts'
import { roleBindingKind } from './role-binding.ts'
import { secretKind } from './secret.ts'
import { serviceKind } from './service.ts'
import { taskKind } from './task.ts'
import { tokenKind } from './token.ts'
import { userKind } from './user.ts'
import { volumeKind } from './volume.ts'

/** Every kind of object there is. Operations and events are kept in the journal. */
export const kinds = {
  Project: projectKind,
  Node: nodeKind,
  Device: deviceKind,
  Driver: driverKind,
  Application: applicationKind,
  Instance: instanceKind,
  Revision: revisionKind,
  Service: serviceKind,
  Task: taskKind,
  Attachment: attachmentKind,
  Database: databaseKind,
  Domain: domainKind,
  Volume: volumeKind,
  Secret: secretKind,
  Config: configKind,
  Image: imageKind,
  User: userKind,
  RoleBinding: roleBindingKind,
  Token: tokenKind,
} as const

export type KindName = keyof typeof kinds

/** The object type of a kind: `PolisObject<'Task'>`; of no kind in particular: their union. */
export type PolisObject<Name extends KindName = KindName> = {
  [Key in Name]: ObjectOf<(typeof kinds)[Key]>
}[Name]

export const kindNames = Object.keys(kinds).filter((name): name is KindName => name in kinds)
