import type { KindName, PolisObject } from '@polis/resources/registry'
import type { Lookup } from './context.ts'

/** A field that leads from an object to others. What the caller may not see is not there. */
export type Link<Name extends KindName> =
  | {
      readonly to: KindName
      readonly description: string
      readonly find: (object: PolisObject<Name>, lookup: Lookup) => PolisObject | undefined
    }
  | {
      readonly to: KindName
      readonly description: string
      readonly list: (object: PolisObject<Name>, lookup: Lookup) => readonly PolisObject[]
    }

type LinkTable = { readonly [Name in KindName]: Readonly<Record<string, Link<Name>>> }

function one<Name extends KindName>(
  to: KindName,
  uidOf: (object: PolisObject<Name>) => string | undefined,
  description: string,
): Link<Name> {
  return { to, description, find: (object, { reader }) => reader.find(to, uidOf(object)) }
}

/** Objects of `to` that point at this one. */
function pointers<Name extends KindName, To extends KindName>(
  to: To,
  uidOf: (object: PolisObject<To>) => string | undefined,
  description: string,
): Link<Name> {
  return {
    to,
    description,
    list: (object, lookup) => byName(lookup.pointingAt(to, uidOf, object.metadata.uid)),
  }
}

/** Objects of `to` that keep this one from being removed. */
function holders<Name extends KindName>(to: KindName, description: string): Link<Name> {
  return {
    to,
    description,
    list: ({ metadata }, { reader }) =>
      byName(reader.guardsOf(metadata.uid).filter(({ kind }) => kind === to)),
  }
}

export function byName<Value extends PolisObject>(objects: readonly Value[]): readonly Value[] {
  return objects.toSorted((a, b) => compare(a.metadata.name, b.metadata.name))
}

/** By code unit: the same on every machine, whatever its locale. */
export function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

export const links: LinkTable = {
  Project: {
    roleBindings: pointers('RoleBinding', projectOfBinding, 'Roles that users have in it.'),
  },
  Node: { devices: pointers('Device', nodeOfDevice, 'What is installed on it.') },
  Device: {
    node: one('Node', (device) => device.spec.nodeUid, 'The node it is on.'),
    driver: {
      to: 'Driver',
      description: 'The driver that runs it.',
      find: ({ spec }, { reader }) => reader.findByName('Driver', undefined, spec.driver),
    },
    databases: holders('Database', 'Databases on it.'),
    volumes: holders('Volume', 'Volumes it keeps.'),
  },
  Driver: {
    nodes: {
      to: 'Node',
      description: 'Nodes whose agents host it.',
      list: ({ status }, { reader }) =>
        byName(status.nodeUids.flatMap((uid) => reader.find('Node', uid) ?? [])),
    },
  },
  Application: {
    instances: pointers('Instance', applicationOf, 'Its running copies.'),
  },
  Instance: {
    application: one('Application', applicationOf, 'The application it is a copy of.'),
    revision: one('Revision', ({ spec }) => spec.revisionUid, 'The revision that shall run.'),
    convergedRevision: one(
      'Revision',
      ({ status }) => status.convergedRevisionUid,
      'The revision all of whose tasks ran last.',
    ),
    revisions: {
      to: 'Revision',
      description: 'All its versions, newest first.',
      list: ({ metadata }, lookup) =>
        lookup
          .pointingAt('Revision', instanceOfRevision, metadata.uid)
          .toSorted((a, b) => b.spec.number - a.spec.number),
    },
    services: pointers('Service', instanceOfService, 'Its services.'),
  },
  Revision: {
    instance: one('Instance', instanceOfRevision, 'The instance it is a version of.'),
  },
  Service: {
    instance: one('Instance', instanceOfService, 'The instance it belongs to.'),
    revision: one('Revision', ({ spec }) => spec.revisionUid, 'The revision it was made from.'),
    image: one('Image', ({ spec }) => spec.imageUid, 'What its tasks are started from.'),
    tasks: {
      to: 'Task',
      description: 'Its tasks, by slot.',
      list: ({ metadata }, lookup) =>
        lookup
          .pointingAt('Task', serviceOfTask, metadata.uid)
          .toSorted((a, b) => a.spec.slot - b.spec.slot || compare(a.metadata.uid, b.metadata.uid)),
    },
    attachments: pointers('Attachment', serviceOfAttachment, 'What it was given.'),
  },
  Task: {
    service: one('Service', serviceOfTask, 'The service it is a task of.'),
    node: one('Node', ({ status }) => status.nodeUid, 'The node it is on.'),
  },
  Attachment: {
    service: one('Service', serviceOfAttachment, 'The service that was given it.'),
  },
  Database: {
    device: one('Device', ({ spec }) => spec.deviceUid, 'The database server it is on.'),
    attachments: holders('Attachment', 'Services that were given it.'),
  },
  Domain: { attachments: holders('Attachment', 'The service that answers for it.') },
  Volume: {
    device: one('Device', ({ spec }) => spec.deviceUid, 'The volume host that keeps it.'),
    attachments: holders('Attachment', 'Services that were given it under `/polis`.'),
    services: holders('Service', 'Services that mount it at a path of their own.'),
  },
  Secret: { attachments: holders('Attachment', 'Services that were given it.') },
  Config: {},
  Image: { services: holders('Service', 'Services whose tasks are started from it.') },
  User: {
    roleBindings: pointers('RoleBinding', userOfBinding, 'What it may do, and where.'),
    tokens: pointers('Token', userOfToken, 'Tokens that carry its rights.'),
  },
  RoleBinding: {
    user: one('User', userOfBinding, 'Who has the role.'),
    inProject: one('Project', projectOfBinding, 'Where; absent: everywhere.'),
  },
  Token: {
    user: one('User', userOfToken, 'Whose rights it carries.'),
    inProject: one('Project', ({ spec }) => spec.projectUid, 'The only project it is for.'),
  },
}

// Each stands alone so that an index over it is built once for a request, whoever asks.
function projectOfBinding({ spec }: PolisObject<'RoleBinding'>): string | undefined {
  return spec.projectUid
}
function userOfBinding({ spec }: PolisObject<'RoleBinding'>): string {
  return spec.userUid
}
function userOfToken({ spec }: PolisObject<'Token'>): string | undefined {
  return spec.userUid
}
function nodeOfDevice({ spec }: PolisObject<'Device'>): string {
  return spec.nodeUid
}
function applicationOf({ spec }: PolisObject<'Instance'>): string {
  return spec.applicationUid
}
function instanceOfRevision({ spec }: PolisObject<'Revision'>): string {
  return spec.instanceUid
}
function instanceOfService({ spec }: PolisObject<'Service'>): string {
  return spec.instanceUid
}
function serviceOfTask({ spec }: PolisObject<'Task'>): string {
  return spec.serviceUid
}
function serviceOfAttachment({ spec }: PolisObject<'Attachment'>): string {
  return spec.serviceUid
}
