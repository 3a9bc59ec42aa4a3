import { PolisError } from '@polis/lib/error'
import { isDnsLabel } from '@polis/lib/names'
import { newUid } from '@polis/lib/uid'
import type { PolisObject } from '@polis/resources/registry'
import type { ObjectChange } from '../objects/change.ts'
import type { ObjectReader } from '../objects/object-cache.ts'
import type { RequestOf } from '../operations/request.ts'
import { chooseDevice } from './choose-device.ts'
import { type Decision, decision, type PlanContext, problem, projectUidOf } from './decision.ts'
import { inBin } from './find-conflicts.ts'
import { named } from './lookup.ts'
import { engineDatabaseName, passwordSecretName } from './naming.ts'
import { unusedGatewayPort } from './ports.ts'

type Kept = PolisObject<'Database'> | PolisObject<'Volume'>

export function planCreateDatabase(
  request: RequestOf<'createDatabase'>,
  { reader, seal, newPassword }: PlanContext,
): Decision {
  const projectUid = newNameIn(reader, request.project, request.name)
  const existing = reader.findByName('Database', projectUid, request.name)
  const device = chooseDevice(reader, 'database', { name: request.device })
  const engineName = engineDatabaseName(request.project, request.name)
  const uid = newUid()
  const passwordUid = newUid()
  return decision({
    title: `Create database ${request.name}`,
    projectUid,
    targetUid: uid,
    steps: [{ key: 'create', title: `Create database ${request.name} on ${device.metadata.name}` }],
    problems: existing === undefined ? [] : [taken('database', existing)],
    changes: [
      {
        type: 'create',
        draft: {
          kind: 'Secret',
          metadata: { uid: passwordUid, name: passwordSecretName(request.name), projectUid },
          spec: { sealedValue: seal(newPassword(), passwordUid), version: 1 },
        },
      },
      {
        type: 'create',
        draft: {
          kind: 'Database',
          metadata: { uid, name: request.name, projectUid },
          spec: {
            deviceUid: device.metadata.uid,
            databaseName: engineName,
            roleName: engineName,
            passwordUid,
            gatewayPort: unusedGatewayPort(reader, new Set()),
          },
        },
      },
    ],
    goals: [{ type: 'ready', kind: 'Database', uid, title: `Have database ${request.name}` }],
    undo: [{ type: 'remove', kind: 'Database', uid }],
  })
}

export function planCreateVolume(
  request: RequestOf<'createVolume'>,
  { reader }: PlanContext,
): Decision {
  const projectUid = newNameIn(reader, request.project, request.name)
  const existing = reader.findByName('Volume', projectUid, request.name)
  const device =
    request.device === undefined
      ? chooseDevice(reader, 'volume-host')
      : chooseDevice(reader, 'volume-host', { name: request.device })
  const uid = newUid()
  return decision({
    title: `Create volume ${request.name}`,
    projectUid,
    targetUid: uid,
    steps: [
      {
        key: 'create',
        title: `Create volume ${request.name} ${request.path === undefined ? '' : `at ${request.path} `}on ${device.metadata.name}`,
      },
    ],
    problems: existing === undefined ? [] : [taken('volume', existing)],
    changes: [
      {
        type: 'create',
        draft: {
          kind: 'Volume',
          metadata: { uid, name: request.name, projectUid },
          spec: {
            deviceUid: device.metadata.uid,
            isExclusive: request.isExclusive,
            ...(request.path === undefined ? {} : { path: request.path }),
          },
        },
      },
    ],
    goals: [{ type: 'ready', kind: 'Volume', uid, title: `Have volume ${request.name}` }],
    undo: [{ type: 'remove', kind: 'Volume', uid }],
  })
}

/** To the bin: closed and kept. */
export function planBin(
  request: RequestOf<'removeDatabase' | 'removeVolume'>,
  { reader, now }: PlanContext,
): Decision {
  const kind = request.type === 'removeDatabase' ? 'Database' : 'Volume'
  const object = named(reader, kind, request.project, request.name)
  const users = usersOf(reader, object)
  const what = kind.toLowerCase()
  return keptChange(object, `Move ${what} ${request.name} to the bin`, {
    binnedAt: now.toISOString(),
    problems: [
      ...(object.spec.binnedAt === undefined
        ? []
        : [problem('FailedPrecondition', 'name', `${what} ${request.name} is in the bin already`)]),
      ...users.map((user) =>
        problem(
          'FailedPrecondition',
          'name',
          `${what} ${request.name} is attached to ${user}`,
          `detach it first: polis detach ${what} ${request.name} --from ${user}`,
        ),
      ),
    ],
  })
}

export function planRestore(
  request: RequestOf<'restoreDatabase' | 'restoreVolume'>,
  { reader }: PlanContext,
): Decision {
  const kind = request.type === 'restoreDatabase' ? 'Database' : 'Volume'
  const object = named(reader, kind, request.project, request.name)
  const what = kind.toLowerCase()
  return keptChange(object, `Restore ${what} ${request.name}`, {
    binnedAt: undefined,
    problems:
      object.spec.binnedAt === undefined
        ? [problem('FailedPrecondition', 'name', `${what} ${request.name} is not in the bin`)]
        : [],
  })
}

/** For good, and only from the bin, and only when its name is said twice. */
export function planPurge(
  request: RequestOf<'purgeDatabase' | 'purgeVolume'>,
  { reader }: PlanContext,
): Decision {
  const kind = request.type === 'purgeDatabase' ? 'Database' : 'Volume'
  const object = named(reader, kind, request.project, request.name)
  const what = kind.toLowerCase()
  const { uid, projectUid } = object.metadata
  return decision({
    title: `Delete ${what} ${request.name} for good`,
    projectUid,
    targetUid: uid,
    steps: [{ key: 'purge', title: `Delete ${what} ${request.name} and all its data` }],
    problems: [
      ...(request.confirmName === request.name
        ? []
        : [
            problem(
              'InvalidArgument',
              'confirmName',
              `to delete it for good, repeat its name: ${request.name}`,
            ),
          ]),
      ...(object.spec.binnedAt === undefined
        ? [
            problem(
              'FailedPrecondition',
              'name',
              `${what} ${request.name} is in use, not in the bin`,
              `move it there first: polis ${what} remove ${request.name}`,
            ),
          ]
        : []),
    ],
    changes: [{ type: 'requestDeletion', before: object }],
    goals: [{ type: 'gone', kind, uid, title: `Delete ${what} ${request.name}` }],
  })
}

export function planRotatePassword(
  request: RequestOf<'rotateDatabasePassword'>,
  { reader, seal, newPassword }: PlanContext,
): Decision {
  const database = named(reader, 'Database', request.project, request.name)
  const secret = reader.get('Secret', database.spec.passwordUid)
  const { uid, projectUid } = database.metadata
  const sealedValue = seal(newPassword(), secret.metadata.uid)
  const instances = instancesWithEnvironment(reader, uid)
  return decision({
    title: `Rotate the password of database ${request.name}`,
    projectUid,
    targetUid: uid,
    steps: [
      {
        key: 'rotate',
        title: `Set a new password for ${request.name} and write it into the bindings`,
      },
      ...instances.map(({ metadata }) => ({
        key: `replace/${metadata.name}`,
        title: `Replace tasks of ${metadata.name} that have it in their environment`,
      })),
    ],
    problems: database.spec.binnedAt === undefined ? [] : [inBin('database', request.name, 'name')],
    changes: [
      { type: 'spec', before: secret, spec: { sealedValue, version: secret.spec.version + 1 } },
      // Its own generation grows, so that "ready" means: with the new password.
      { type: 'spec', before: database, spec: database.spec },
      ...instances.map((before): ObjectChange => ({ type: 'spec', before, spec: before.spec })),
    ],
    goals: [
      { type: 'ready', kind: 'Database', uid, title: 'Set the new password' },
      ...instances.map(({ metadata }) => ({ type: 'instance' as const, uid: metadata.uid })),
    ],
  })
}

export function planSetSecret(
  request: RequestOf<'setSecret'>,
  { reader, seal }: PlanContext,
): Decision {
  const projectUid = newNameIn(reader, request.project, request.name)
  const before = reader.findByName('Secret', projectUid, request.name)
  const uid = before?.metadata.uid ?? newUid()
  const sealedValue = seal(request.value, uid)
  return decision({
    title: `Set secret ${request.name}`,
    projectUid,
    targetUid: uid,
    steps: [
      { key: 'set', title: `${before === undefined ? 'Create' : 'Change'} secret ${request.name}` },
    ],
    changes: [
      before === undefined
        ? {
            type: 'create',
            draft: {
              kind: 'Secret',
              metadata: { uid, name: request.name, projectUid },
              spec: { sealedValue, version: 1 },
            },
          }
        : { type: 'spec', before, spec: { sealedValue, version: before.spec.version + 1 } },
    ],
    goals: [{ type: 'ready', kind: 'Secret', uid, title: `Keep secret ${request.name}` }],
  })
}

export function planSetConfig(request: RequestOf<'setConfig'>, { reader }: PlanContext): Decision {
  const projectUid = newNameIn(reader, request.project, request.name)
  const before = reader.findByName('Config', projectUid, request.name)
  const uid = before?.metadata.uid ?? newUid()
  const spec = { content: request.content }
  return decision({
    title: `Set config ${request.name}`,
    projectUid,
    targetUid: uid,
    steps: [
      { key: 'set', title: `${before === undefined ? 'Create' : 'Change'} config ${request.name}` },
    ],
    changes: [
      before === undefined
        ? {
            type: 'create',
            draft: { kind: 'Config', metadata: { uid, name: request.name, projectUid }, spec },
          }
        : { type: 'spec', before, spec },
    ],
    goals: [{ type: 'ready', kind: 'Config', uid, title: `Keep config ${request.name}` }],
  })
}

/** Records that nothing uses: secrets, configs, domains. */
export function planRemoveRecord(
  request: RequestOf<'removeSecret' | 'removeConfig' | 'removeDomain'>,
  { reader }: PlanContext,
): Decision {
  const kind = (
    { removeSecret: 'Secret', removeConfig: 'Config', removeDomain: 'Domain' } as const
  )[request.type]
  const name = request.type === 'removeDomain' ? request.host : request.name
  const object = named(reader, kind, request.project, name)
  const { uid, projectUid } = object.metadata
  const what = kind.toLowerCase()
  return decision({
    title: `Remove ${what} ${name}`,
    projectUid,
    targetUid: uid,
    steps: [{ key: 'remove', title: `Remove ${what} ${name}` }],
    problems: reader
      .guardsOf(uid)
      .map((guard) =>
        problem(
          'FailedPrecondition',
          'name',
          `${what} ${name} is used by ${guard.metadata.name}`,
          'detach it there first',
        ),
      ),
    changes: [{ type: 'requestDeletion', before: object }],
    goals: [{ type: 'gone', kind, uid, title: `Remove ${what} ${name}` }],
  })
}

function keptChange(
  object: Kept,
  title: string,
  {
    binnedAt,
    problems,
  }: { readonly binnedAt: string | undefined; readonly problems: Decision['problems'] },
): Decision {
  const { uid, projectUid } = object.metadata
  return decision({
    title,
    projectUid,
    targetUid: uid,
    steps: [{ key: 'bin', title: `${title}, data kept` }],
    problems,
    changes: [binChange(object, binnedAt)],
    goals: [{ type: 'ready', kind: object.kind, uid, title }],
  })
}

function binChange(before: Kept, binnedAt: string | undefined): ObjectChange {
  const mark = binnedAt === undefined ? {} : { binnedAt }
  if (before.kind === 'Database') {
    const { binnedAt: _, ...spec } = before.spec
    return { type: 'spec', before, spec: { ...spec, ...mark } }
  }
  const { binnedAt: _, ...spec } = before.spec
  return { type: 'spec', before, spec: { ...spec, ...mark } }
}

/** Services that an object is attached to or mounted by, as APP/SERVICE. */
function usersOf(reader: ObjectReader, object: PolisObject): readonly string[] {
  const names = reader.guardsOf(object.metadata.uid).flatMap((guard) => {
    const service =
      guard.kind === 'Attachment'
        ? reader.find('Service', guard.spec.serviceUid)
        : guard.kind === 'Service'
          ? guard
          : undefined
    if (service === undefined) return []
    const instance = reader.find('Instance', service.spec.instanceUid)
    return [`${instance?.metadata.name ?? '?'}/${service.spec.serviceName}`]
  })
  return [...new Set(names)].toSorted()
}

function instancesWithEnvironment(
  reader: ObjectReader,
  databaseUid: string,
): readonly PolisObject<'Instance'>[] {
  const uids = reader.guardsOf(databaseUid).flatMap((guard) => {
    const isShown =
      guard.kind === 'Attachment' &&
      guard.spec.target.type === 'database' &&
      Object.keys(guard.spec.target.environment).length > 0
    return isShown ? [reader.find('Service', guard.spec.serviceUid)?.spec.instanceUid] : []
  })
  return [...new Set(uids)].flatMap((uid) => reader.find('Instance', uid) ?? [])
}

function newNameIn(reader: ObjectReader, project: string, name: string): string {
  if (!isDnsLabel(name)) {
    throw new PolisError(
      'InvalidArgument',
      `${JSON.stringify(name.slice(0, 80))} cannot be a name`,
      {
        path: 'name',
        hint: 'use lower-case letters, digits and hyphens, at most 63, beginning and ending with a letter or digit',
      },
    )
  }
  return projectUidOf(reader, project)
}

function taken(what: 'database' | 'volume', object: Kept): Decision['problems'][number] {
  const { name } = object.metadata
  if (object.spec.binnedAt !== undefined) return inBin(what, name, 'name')
  return problem('AlreadyExists', 'name', `there is a ${what} ${name} already`)
}
