import type { ChangeRequest, RequestOf } from '@polis/kernel/request'

type ChangeType = ChangeRequest['type']

/** A sentence for a request and for each of its fields. */
type ChangeWords<Type extends ChangeType> = {
  readonly summary: string
  readonly words: {
    readonly [Key in Exclude<keyof Required<RequestOf<Type>>, 'type'> & string]: string
  }
}

const project = 'Name of the project.'
const instance = 'Name of the instance.'
const service = 'Compose name of the service.'
const database = { project, name: 'Name of the database.' }
const volume = { project, name: 'Name of the volume.' }

/** Every request has a mutation; one without words here does not compile. */
export const changeWords: { readonly [Type in ChangeType]: ChangeWords<Type> } = {
  deploy: {
    summary: 'Makes an instance run what a Compose file says.',
    words: {
      project,
      application: 'Name of the application; its first instance bears it too.',
      instance: "Name of the instance; absent: the application's.",
      files: 'The Compose files; later ones are put over earlier ones.',
      variables: 'Variables that the files may use.',
      contextDigest: 'What `PUT /uploads` answered for the folder; needed when something is built.',
    },
  },
  override: {
    summary:
      'Changes the number of tasks or the environment of a service by hand; stays over deploys.',
    words: {
      project,
      instance,
      service,
      override: 'What to change; merged into what was changed before.',
      unsetEnvironment: 'Variables to take out of what was set by hand.',
    },
  },
  rollback: {
    summary: 'Goes back to an earlier revision of an instance.',
    words: { project, instance, revision: 'Its number; absent: the one before the current.' },
  },
  start: { summary: 'Runs a stopped instance again.', words: { project, instance } },
  stop: {
    summary: 'Runs nothing of an instance; everything it has is kept.',
    words: { project, instance },
  },
  restart: {
    summary: 'Replaces every task, one after the other.',
    words: { project, instance, service: 'Only this service.' },
  },
  removeInstance: {
    summary:
      'Removes an instance; databases and volumes it made go to the bin. The last one takes its application along.',
    words: { project, instance },
  },
  attach: {
    summary: 'Gives a running service a domain, database, volume, port or secret.',
    words: { project, instance, service, target: 'What to give it.' },
  },
  detach: {
    summary: 'Takes an attachment back. Nothing is deleted.',
    words: { project, instance, service, target: 'What to take back.' },
  },
  createDatabase: {
    summary: 'Makes a database.',
    words: { ...database, device: 'The database server; absent: the only one.' },
  },
  removeDatabase: {
    summary: 'Puts a database into the bin: closed, data kept. Refused while it is attached.',
    words: database,
  },
  restoreDatabase: { summary: 'Takes a database out of the bin.', words: database },
  purgeDatabase: {
    summary: 'Deletes a database that is in the bin, for good.',
    words: { ...database, confirmName: 'The name once more.' },
  },
  rotateDatabasePassword: {
    summary: 'Gives a database a new password, and those attached to it too.',
    words: database,
  },
  createVolume: {
    summary: 'Makes a volume.',
    words: {
      ...volume,
      path: 'A folder of the node below an allowed root; absent: the device chooses.',
      isExclusive: 'Whether one service at most may have it, with tasks that never overlap.',
      device: 'The volume host; absent: the only one.',
    },
  },
  removeVolume: {
    summary: 'Puts a volume into the bin, data kept. Refused while it is attached or mounted.',
    words: volume,
  },
  restoreVolume: { summary: 'Takes a volume out of the bin.', words: volume },
  purgeVolume: {
    summary: 'Deletes a volume that is in the bin, for good.',
    words: { ...volume, confirmName: 'The name once more.' },
  },
  removeDomain: {
    summary: 'Gives a host name up. Refused while it is attached.',
    words: { project, host: 'The host name.' },
  },
  setSecret: {
    summary: 'Keeps a value encrypted, or puts a new one in its place.',
    words: { project, name: 'Name of the secret.', value: 'The value; never shown again.' },
  },
  removeSecret: {
    summary: 'Deletes a secret. Refused while it is attached.',
    words: { project, name: 'Name of the secret.' },
  },
  setConfig: {
    summary: 'Keeps a file that is not secret, or puts a new one in its place.',
    words: { project, name: 'Name of the config.', content: 'Its content.' },
  },
  removeConfig: {
    summary: 'Deletes a config.',
    words: { project, name: 'Name of the config.' },
  },
  addDevice: {
    summary: 'Installs a device.',
    words: {
      driver: 'Name of the driver that shall run it.',
      name: "Name of the device; absent: the driver's.",
      node: 'The node; absent: the only one.',
      parameters: 'What the driver takes; its `parameters` say what there is.',
    },
  },
  removeDevice: {
    summary: 'Takes a device away. Refused while something is on it.',
    words: { name: 'Name of the device.' },
  },
  setNodeSchedulable: {
    summary: 'Cordons a node, or takes that back: what runs stays, nothing new comes.',
    words: { name: 'Name of the node.', isSchedulable: 'False: cordoned.' },
  },
  removeNode: {
    summary: 'Takes a node out of the installation.',
    words: { name: 'Name of the node.' },
  },
  createProject: { summary: 'Makes a project.', words: { name: 'Its name.' } },
  removeProject: {
    summary: 'Removes a project that is empty.',
    words: { name: 'Its name.' },
  },
  createUser: {
    summary: 'Makes a user; it may do nothing until it is granted a role.',
    words: {
      name: 'Name to sign in with.',
      displayName: 'Name for people.',
      password: 'Its password; absent: it signs in by link or token only.',
    },
  },
  setUserBlocked: {
    summary: 'Blocks a user at once, or takes that back.',
    words: { name: 'Name of the user.', isBlocked: 'True: every request is refused.' },
  },
  setUserPassword: {
    summary: 'Gives a user a new password.',
    words: { name: 'Name of the user.', password: 'The new password.' },
  },
  removeUser: { summary: 'Removes a user.', words: { name: 'Name of the user.' } },
  grantRole: {
    summary: 'Gives a user a role, in place of the one it had there.',
    words: { user: 'Name of the user.', role: 'The role.', project: 'Where; absent: everywhere.' },
  },
  revokeRole: {
    summary: 'Takes a role from a user.',
    words: { user: 'Name of the user.', project: 'Where; absent: the one that holds everywhere.' },
  },
  revokeToken: {
    summary: 'Makes a token worthless at once.',
    words: { name: 'Name of the token.' },
  },
}
