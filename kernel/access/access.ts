import { PolisError } from '@polis/lib/error'
import type { KindName, PolisObject } from '@polis/resources/registry'
import { type Role, ROLES } from '@polis/resources/role-binding'
import type { Actor } from '../kernel.ts'
import type { ObjectReader } from '../objects/object-cache.ts'
import type { ChangeRequest } from '../operations/request.ts'

/** The least role that may ask for each change: in the request's project, or in the installation where it has none. */
const REQUIRED: Readonly<Record<ChangeRequest['type'], Role>> = {
  deploy: 'operator',
  override: 'operator',
  rollback: 'operator',
  start: 'operator',
  stop: 'operator',
  restart: 'operator',
  removeInstance: 'operator',
  attach: 'operator',
  detach: 'operator',
  createDatabase: 'operator',
  removeDatabase: 'operator',
  restoreDatabase: 'operator',
  purgeDatabase: 'administrator',
  rotateDatabasePassword: 'operator',
  createVolume: 'operator',
  removeVolume: 'operator',
  restoreVolume: 'operator',
  purgeVolume: 'administrator',
  removeDomain: 'operator',
  setSecret: 'operator',
  removeSecret: 'operator',
  setConfig: 'operator',
  removeConfig: 'operator',
  addDevice: 'administrator',
  removeDevice: 'administrator',
  setNodeSchedulable: 'administrator',
  removeNode: 'administrator',
  createProject: 'administrator',
  removeProject: 'administrator',
  createUser: 'administrator',
  setUserBlocked: 'administrator',
  setUserPassword: 'administrator',
  removeUser: 'administrator',
  grantRole: 'administrator',
  revokeRole: 'administrator',
  revokeToken: 'administrator',
}

/** The least role that may see objects of a kind. Every kind is listed, so that a new one cannot be forgotten. */
export const VISIBLE_TO: Readonly<Record<KindName, Role>> = {
  Project: 'viewer',
  Node: 'viewer',
  Device: 'viewer',
  Driver: 'viewer',
  Application: 'viewer',
  Instance: 'viewer',
  Revision: 'viewer',
  Service: 'viewer',
  Task: 'viewer',
  Attachment: 'viewer',
  Database: 'viewer',
  Domain: 'viewer',
  Volume: 'viewer',
  Secret: 'viewer',
  Config: 'viewer',
  Image: 'viewer',
  User: 'administrator',
  RoleBinding: 'administrator',
  Token: 'administrator',
}

/** Whether `role` may do all that `least` may. */
export function covers(role: Role | undefined, least: Role): boolean {
  return role !== undefined && ROLES.indexOf(role) <= ROLES.indexOf(least)
}

/** Throws PermissionDenied unless the actor may ask for that change. A static volume names a folder of the node: for administrators. */
export function requireAllowed(actor: Actor, request: ChangeRequest, reader: ObjectReader): void {
  const projectUid =
    'project' in request &&
    request.type !== 'grantRole' &&
    request.type !== 'revokeRole' &&
    request.project !== undefined
      ? reader.findByName('Project', undefined, request.project)?.metadata.uid
      : undefined
  const isNodePath = request.type === 'createVolume' && request.path !== undefined
  const least = isNodePath ? 'administrator' : REQUIRED[request.type]
  if (covers(actor.roleIn(projectUid), least)) return
  throw new PolisError(
    'PermissionDenied',
    `${actor.name} may not do this: it takes the role ${least}`,
    {
      hint: 'ask an administrator: polis role grant',
    },
  )
}

/** Throws PermissionDenied unless the actor has at least that role there. */
export function requireRole(actor: Actor, least: Role, projectUid: string | undefined): void {
  if (covers(actor.roleIn(projectUid), least)) return
  throw new PolisError(
    'PermissionDenied',
    `${actor.name} may not do this: it takes the role ${least}`,
  )
}

/** Whether the actor may know of the object. People see themselves. */
export function maySee(actor: Actor, object: PolisObject): boolean {
  if (object.kind === 'User' && object.metadata.uid === actor.userUid) return true
  if (
    object.kind === 'Token' &&
    object.spec.userUid === actor.userUid &&
    actor.userUid !== undefined
  )
    return true
  if (object.kind === 'Project') return covers(actor.roleIn(object.metadata.uid), 'viewer')
  const least = VISIBLE_TO[object.kind]
  if (object.metadata.projectUid !== undefined)
    return covers(actor.roleIn(object.metadata.projectUid), least)
  // What belongs to the installation and is not about people is for everyone who may see anything at all.
  return least === 'viewer' ? actor.hasAnyRole : covers(actor.roleIn(undefined), least)
}

/** The same reader, showing only what the actor may see. */
export function readerFor(reader: ObjectReader, actor: Actor): ObjectReader {
  const visible = <Target extends PolisObject>(object: Target | undefined): Target | undefined =>
    object !== undefined && maySee(actor, object) ? object : undefined
  return {
    find: (kind, uid) => visible(reader.find(kind, uid)),
    get: (kind, uid) => {
      const object = visible(reader.find(kind, uid))
      if (object === undefined) throw new PolisError('NotFound', `there is no ${kind} ${uid}`)
      return object
    },
    findByName: (kind, projectUid, name) => visible(reader.findByName(kind, projectUid, name)),
    list: (kind) => reader.list(kind).filter((object) => maySee(actor, object)),
    ownedBy: (kind, uid) => reader.ownedBy(kind, uid).filter((object) => maySee(actor, object)),
    guardsOf: (uid) => reader.guardsOf(uid).filter((object) => maySee(actor, object)),
  }
}
