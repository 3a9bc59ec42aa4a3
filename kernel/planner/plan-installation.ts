import { PolisError } from '@polis/lib/error'
import { isDnsLabel } from '@polis/lib/names'
import { newUid } from '@polis/lib/uid'
import type { PolisObject } from '@polis/resources/registry'
import type { ObjectChange } from '../objects/change.ts'
import type { ObjectReader } from '../objects/object-cache.ts'
import type { RequestOf } from '../operations/request.ts'
import { type Decision, decision, type PlanContext, problem, projectUidOf } from './decision.ts'
import { staying } from './lookup.ts'

type InstallationKind = 'Device' | 'Node' | 'Project' | 'User' | 'Token' | 'Driver'

export function planAddDevice(request: RequestOf<'addDevice'>, { reader }: PlanContext): Decision {
  const driver = known(reader, 'Driver', request.driver, 'driver', 'polis driver ls')
  const name = request.name ?? request.driver
  requireName(name)
  const node = nodeFor(reader, driver, request.node)
  const uid = newUid()
  const existing = reader.findByName('Device', undefined, name)
  return decision({
    title: `Add device ${name}`,
    targetUid: uid,
    steps: [{ key: 'add', title: `Install ${request.driver} as ${name} on ${node.metadata.name}` }],
    problems:
      existing === undefined
        ? []
        : [
            problem(
              'AlreadyExists',
              'name',
              `there is a device ${name} already`,
              'give another: --name NAME',
            ),
          ],
    changes: [
      {
        type: 'create',
        draft: {
          kind: 'Device',
          metadata: { uid, name },
          spec: {
            driver: request.driver,
            class: driver.status.class ?? '',
            nodeUid: node.metadata.uid,
            parameters: request.parameters,
          },
        },
      },
    ],
    goals: [{ type: 'ready', kind: 'Device', uid, title: `Install ${name}` }],
    undo: [{ type: 'remove', kind: 'Device', uid }],
  })
}

export function planRemoveDevice(
  request: RequestOf<'removeDevice'>,
  { reader }: PlanContext,
): Decision {
  const device = known(reader, 'Device', request.name, 'name', 'polis device ls')
  return removal(device, `Remove device ${request.name}`, [
    ...reader
      .guardsOf(device.metadata.uid)
      .map((guard) =>
        problem(
          'FailedPrecondition',
          'name',
          `${request.name} holds ${guard.kind.toLowerCase()} ${guard.metadata.name}`,
          'remove or move it first',
        ),
      ),
    ...(device.spec.class === 'orchestrator' && reader.list('Task').length > 0
      ? [
          problem(
            'FailedPrecondition',
            'name',
            `${request.name} runs ${reader.list('Task').length} tasks`,
            'remove the applications first',
          ),
        ]
      : []),
  ])
}

export function planNodeSchedulable(
  request: RequestOf<'setNodeSchedulable'>,
  { reader }: PlanContext,
): Decision {
  const node = known(reader, 'Node', request.name, 'name', 'polis node ls')
  const title = `${request.isSchedulable ? 'Uncordon' : 'Cordon'} node ${request.name}`
  return recordChange(node, title, {
    type: 'spec',
    before: node,
    spec: { ...node.spec, isSchedulable: request.isSchedulable },
  })
}

export function planRemoveNode(
  request: RequestOf<'removeNode'>,
  { reader }: PlanContext,
): Decision {
  const node = known(reader, 'Node', request.name, 'name', 'polis node ls')
  return removal(
    node,
    `Remove node ${request.name}`,
    reader
      .guardsOf(node.metadata.uid)
      .map((guard) =>
        problem(
          'FailedPrecondition',
          'name',
          `${request.name} holds ${guard.kind.toLowerCase()} ${guard.metadata.name}`,
          'remove or move it first',
        ),
      ),
  )
}

export function planCreateProject(
  request: RequestOf<'createProject'>,
  { reader }: PlanContext,
): Decision {
  requireName(request.name)
  const uid = newUid()
  return creation(reader, 'Project', `Create project ${request.name}`, {
    kind: 'Project',
    metadata: { uid, name: request.name },
    spec: { quotas: {} },
  })
}

const PROJECT_KINDS = ['Instance', 'Database', 'Volume', 'Domain', 'Secret', 'Config'] as const

export function planRemoveProject(
  request: RequestOf<'removeProject'>,
  { reader }: PlanContext,
): Decision {
  const project = known(reader, 'Project', request.name, 'name', 'polis project ls')
  const held = PROJECT_KINDS.flatMap((kind) =>
    reader.list(kind).filter(({ metadata }) => metadata.projectUid === project.metadata.uid),
  )
  return removal(project, `Remove project ${request.name}`, [
    ...(request.name === 'default'
      ? [problem('FailedPrecondition', 'name', 'the project default always exists')]
      : []),
    ...held.map((object) =>
      problem(
        'FailedPrecondition',
        'name',
        `it holds ${object.kind.toLowerCase()} ${object.metadata.name}`,
        'remove what it holds first',
      ),
    ),
  ])
}

export function planCreateUser(
  request: RequestOf<'createUser'>,
  { reader }: PlanContext,
  passwordHash: string | undefined,
): Decision {
  requireName(request.name)
  return creation(reader, 'User', `Create user ${request.name}`, {
    kind: 'User',
    metadata: { uid: newUid(), name: request.name },
    spec: {
      isBlocked: false,
      ...(request.displayName === undefined ? {} : { displayName: request.displayName }),
      ...(passwordHash === undefined ? {} : { passwordHash }),
    },
  })
}

export function planSetUserBlocked(
  request: RequestOf<'setUserBlocked'>,
  { reader }: PlanContext,
): Decision {
  const user = known(reader, 'User', request.name, 'name', 'polis user ls')
  const verb = request.isBlocked ? 'Block' : 'Unblock'
  const problems = request.isBlocked ? lastAdministrator(reader, user) : []
  const change: ObjectChange = {
    type: 'spec',
    before: user,
    spec: { ...user.spec, isBlocked: request.isBlocked },
  }
  return { ...recordChange(user, `${verb} user ${request.name}`, change), problems }
}

export function planSetUserPassword(
  request: RequestOf<'setUserPassword'>,
  { reader }: PlanContext,
  passwordHash: string,
): Decision {
  const user = known(reader, 'User', request.name, 'name', 'polis user ls')
  const change: ObjectChange = { type: 'spec', before: user, spec: { ...user.spec, passwordHash } }
  return recordChange(user, `Set the password of ${request.name}`, change)
}

export function planRemoveUser(
  request: RequestOf<'removeUser'>,
  { reader }: PlanContext,
): Decision {
  const user = known(reader, 'User', request.name, 'name', 'polis user ls')
  const { uid } = user.metadata
  const bindings = reader.list('RoleBinding').filter(({ spec }) => spec.userUid === uid)
  const tokens = reader.list('Token').filter(({ spec }) => spec.userUid === uid)
  const removed = removal(user, `Remove user ${request.name}`, lastAdministrator(reader, user))
  return {
    ...removed,
    changes: [
      ...[...bindings, ...tokens].map((before): ObjectChange => ({
        type: 'requestDeletion',
        before,
      })),
      ...removed.changes,
    ],
  }
}

export function planGrantRole(request: RequestOf<'grantRole'>, { reader }: PlanContext): Decision {
  const user = known(reader, 'User', request.user, 'user', 'polis user ls')
  const projectUid =
    request.project === undefined ? undefined : projectUidOf(reader, request.project)
  const before = bindingOf(reader, user, projectUid)
  const where = request.project === undefined ? 'everywhere' : `in ${request.project}`
  const title = `Make ${request.user} ${request.role} ${where}`
  if (before !== undefined) {
    const problems =
      request.role === 'administrator' || projectUid !== undefined
        ? []
        : lastAdministrator(reader, user)
    return {
      ...recordChange(before, title, {
        type: 'spec',
        before,
        spec: { ...before.spec, role: request.role },
      }),
      problems,
    }
  }
  return creation(reader, 'RoleBinding', title, {
    kind: 'RoleBinding',
    metadata: { uid: newUid(), name: `${request.user}.${request.project ?? '-'}` },
    spec: {
      userUid: user.metadata.uid,
      role: request.role,
      ...(projectUid === undefined ? {} : { projectUid }),
    },
  })
}

export function planRevokeRole(
  request: RequestOf<'revokeRole'>,
  { reader }: PlanContext,
): Decision {
  const user = known(reader, 'User', request.user, 'user', 'polis user ls')
  const projectUid =
    request.project === undefined ? undefined : projectUidOf(reader, request.project)
  const binding = bindingOf(reader, user, projectUid)
  const where = request.project === undefined ? 'everywhere' : `in ${request.project}`
  if (binding === undefined)
    throw new PolisError('NotFound', `${request.user} has no role ${where}`, { path: 'user' })
  const problems = projectUid === undefined ? lastAdministrator(reader, user) : []
  return removal(binding, `Take the role of ${request.user} ${where}`, problems)
}

export function planRevokeToken(
  request: RequestOf<'revokeToken'>,
  { reader }: PlanContext,
): Decision {
  const token = known(reader, 'Token', request.name, 'name', 'polis token ls')
  return removal(token, `Revoke token ${request.name}`, [])
}

/** Locking everybody out helps nobody. */
function lastAdministrator(reader: ObjectReader, user: PolisObject<'User'>): Decision['problems'] {
  const isAdministrator = ({ metadata, spec }: PolisObject<'User'>): boolean =>
    !spec.isBlocked &&
    metadata.deletionRequestedAt === undefined &&
    bindingOf(reader, { metadata }, undefined)?.spec.role === 'administrator'
  const others = reader.list('User').filter((other) => other.metadata.uid !== user.metadata.uid)
  if (!isAdministrator(user) || others.some(isAdministrator)) return []
  return [
    problem(
      'FailedPrecondition',
      'name',
      `${user.metadata.name} is the last administrator`,
      'make another one first: polis role grant',
    ),
  ]
}

function bindingOf(
  reader: ObjectReader,
  { metadata }: Pick<PolisObject<'User'>, 'metadata'>,
  projectUid: string | undefined,
): PolisObject<'RoleBinding'> | undefined {
  return reader
    .list('RoleBinding')
    .find(
      ({ spec, metadata: { deletionRequestedAt } }) =>
        spec.userUid === metadata.uid &&
        spec.projectUid === projectUid &&
        deletionRequestedAt === undefined,
    )
}

function nodeFor(
  reader: ObjectReader,
  driver: PolisObject<'Driver'>,
  name: string | undefined,
): PolisObject<'Node'> {
  if (name !== undefined) {
    const node = known(reader, 'Node', name, 'node', 'polis node ls')
    if (driver.status.nodeUids.includes(node.metadata.uid)) return node
    throw new PolisError(
      'FailedPrecondition',
      `node ${name} does not offer ${driver.metadata.name}`,
      { path: 'node' },
    )
  }
  const nodes = driver.status.nodeUids.flatMap((uid) => reader.find('Node', uid) ?? [])
  const [node, another] = nodes
  if (node !== undefined && another === undefined) return node
  throw new PolisError(
    node === undefined ? 'Unavailable' : 'InvalidArgument',
    node === undefined ? `no node offers ${driver.metadata.name}` : 'on which node?',
    { path: 'node', hint: `one of ${nodes.map(({ metadata }) => metadata.name).join(', ')}` },
  )
}

function known<Kind extends InstallationKind>(
  reader: ObjectReader,
  kind: Kind,
  name: string,
  path: string,
  listVerb: string,
): PolisObject<Kind> {
  const object = reader.findByName(kind, undefined, name)
  if (object !== undefined) return staying(object)
  throw new PolisError('NotFound', `there is no ${kind.toLowerCase()} ${name}`, {
    path,
    hint: `see ${listVerb}`,
  })
}

function requireName(name: string): void {
  if (isDnsLabel(name)) return
  throw new PolisError('InvalidArgument', `${JSON.stringify(name.slice(0, 80))} cannot be a name`, {
    path: 'name',
    hint: 'use lower-case letters, digits and hyphens, at most 63, beginning and ending with a letter or digit',
  })
}

function creation(
  reader: ObjectReader,
  kind: 'Project' | 'User' | 'RoleBinding',
  title: string,
  draft: Extract<ObjectChange, { type: 'create' }>['draft'],
): Decision {
  const { uid, name } = draft.metadata
  const isTaken = reader.findByName(kind, undefined, name) !== undefined
  return decision({
    title,
    targetUid: uid,
    steps: [{ key: 'create', title }],
    problems: isTaken
      ? [problem('AlreadyExists', 'name', `there is a ${kind.toLowerCase()} ${name} already`)]
      : [],
    changes: [{ type: 'create', draft }],
    goals: [{ type: 'ready', kind, uid, title }],
  })
}

function removal(object: PolisObject, title: string, problems: Decision['problems']): Decision {
  const { uid, projectUid } = object.metadata
  return decision({
    title,
    projectUid,
    targetUid: uid,
    steps: [{ key: 'remove', title }],
    problems,
    changes: [{ type: 'requestDeletion', before: object }],
    goals: [{ type: 'gone', kind: object.kind, uid, title }],
  })
}

function recordChange(object: PolisObject, title: string, change: ObjectChange): Decision {
  return decision({
    title,
    targetUid: object.metadata.uid,
    steps: [{ key: 'change', title }],
    changes: [change],
    goals: [{ type: 'ready', kind: object.kind, uid: object.metadata.uid, title }],
  })
}
