import { type Problem, PolisError } from '@polis/lib/error'
import { isDnsLabel, isHostName } from '@polis/lib/names'
import { newUid } from '@polis/lib/uid'
import type { Attachment, AttachmentTarget } from '@polis/resources/attachment'
import type { Instance } from '@polis/resources/instance'
import type { Service } from '@polis/resources/service'
import type { ObjectChange } from '../objects/change.ts'
import type { Goal } from '../operations/goal.ts'
import type { AttachTarget, RequestOf } from '../operations/request.ts'
import { type Decision, decision, type PlanContext, problem } from './decision.ts'
import { attachmentsOf, detachedKey } from './expand-instance.ts'
import { findExclusiveUser, inBin, ownerOfDomain, portProblems } from './find-conflicts.ts'
import { named, namedService } from './lookup.ts'
import { attachmentName } from './naming.ts'
import { unusedPublishedPort } from './ports.ts'

interface Gift {
  readonly alias: string
  readonly target: AttachmentTarget
  readonly title: string
  readonly problems: readonly Problem[]
  readonly changes: readonly ObjectChange[]
  readonly goals: readonly Goal[]
  readonly result: Readonly<Record<string, string>>
}

export function planAttach(request: RequestOf<'attach'>, context: PlanContext): Decision {
  const { reader } = context
  const { instance, service } = namedService(reader, request)
  const to = `${request.instance}/${request.service}`
  const gift = giftOf(request, { instance, service, context })
  const uid = newUid()
  const name = attachmentName(service.metadata.name, gift.target.type, gift.alias)
  const { projectUid } = instance.metadata
  const existing = reader.findByName('Attachment', projectUid, name)
  const problems = [
    ...gift.problems,
    ...(existing === undefined
      ? []
      : [
          problem('AlreadyExists', 'target', `${to} has ${gift.target.type} ${gift.alias} already`),
        ]),
  ]
  const hasEnvironment =
    gift.target.type === 'database' && Object.keys(gift.target.environment).length > 0
  return decision({
    title: `Attach ${gift.title} to ${to}`,
    projectUid,
    targetUid: uid,
    steps: [
      { key: 'attach', title: `Attach ${gift.title} to ${to}, no task restarts` },
      ...(hasEnvironment
        ? [
            {
              key: 'replace',
              title: `Replace the tasks of ${request.service}: its environment changes`,
            },
          ]
        : []),
    ],
    problems,
    changes: [
      ...gift.changes,
      {
        type: 'create',
        draft: {
          kind: 'Attachment',
          metadata: {
            uid,
            name,
            ownerUid: instance.metadata.uid,
            ...(projectUid === undefined ? {} : { projectUid }),
          },
          spec: {
            serviceUid: service.metadata.uid,
            alias: gift.alias,
            layer: 'operator',
            target: gift.target,
          },
        },
      },
      // The environment is part of the service's template, which the instance's reconciler makes anew.
      ...(hasEnvironment ? [touch(instance)] : []),
    ],
    goals: [
      { type: 'ready', kind: 'Attachment', uid, title: `Attach ${gift.title}` },
      ...gift.goals,
      ...(hasEnvironment ? [{ type: 'instance' as const, uid: instance.metadata.uid }] : []),
    ],
    undo: [
      { type: 'remove', kind: 'Attachment', uid },
      ...(gift.target.type === 'domain'
        ? [{ type: 'remove' as const, kind: 'Domain' as const, uid: gift.target.domainUid }]
        : []),
    ],
    result: gift.result,
  })
}

export function planDetach(request: RequestOf<'detach'>, { reader }: PlanContext): Decision {
  const { instance, service } = namedService(reader, request)
  const { type, name } = request.target
  const from = `${request.instance}/${request.service}`
  const attachment = attachmentsOf(reader, service.metadata.uid).find(
    ({ spec }) =>
      spec.target.type === type &&
      (spec.alias === name || objectNameOf(reader, spec.target) === name),
  )
  if (attachment === undefined) {
    throw new PolisError('NotFound', `${from} has no ${type} ${name}`, {
      path: 'target.name',
      hint: `see polis app show ${request.instance}`,
    })
  }
  const { target } = attachment.spec
  const { uid } = attachment.metadata
  const isFromFile = attachment.spec.layer === 'file'
  const hasEnvironment = target.type === 'database' && Object.keys(target.environment).length > 0
  return decision({
    title: `Detach ${type} ${name} from ${from}`,
    projectUid: instance.metadata.projectUid,
    targetUid: uid,
    steps: [{ key: 'detach', title: `Detach ${type} ${name} from ${from}, its data stays` }],
    warnings: isFromFile
      ? [
          problem(
            'FailedPrecondition',
            'target',
            'the Compose file asks for it; it stays away over deploys until it is attached by hand',
          ),
        ]
      : [],
    changes: [
      { type: 'requestDeletion', before: attachment },
      ...releasedDomain(reader, target),
      ...(isFromFile
        ? [remembered(instance, request.service, detachedKey(type, attachment.spec.alias))]
        : []),
      ...(hasEnvironment && !isFromFile ? [touch(instance)] : []),
    ],
    goals: [
      { type: 'gone', kind: 'Attachment', uid, title: `Detach ${type} ${name}` },
      ...(hasEnvironment ? [{ type: 'instance' as const, uid: instance.metadata.uid }] : []),
    ],
    undo: [
      ...(isFromFile
        ? [{ type: 'restoreInstance' as const, uid: instance.metadata.uid, spec: instance.spec }]
        : []),
      { type: 'cancelDeletion', kind: 'Attachment', uid },
    ],
  })
}

/** The operator's layer remembers what was taken away of what the file asks for. */
function remembered(before: Instance, serviceName: string, key: string): ObjectChange {
  const override = before.spec.overrides[serviceName]
  const detached = [...new Set([...(override?.detached ?? []), key])].toSorted()
  const overrides = { ...before.spec.overrides, [serviceName]: { ...override, detached } }
  return { type: 'spec', before, spec: { ...before.spec, overrides } }
}

/** A host that nobody answers for is nobody's: others may have it. */
function releasedDomain(
  reader: PlanContext['reader'],
  target: Attachment['spec']['target'],
): readonly ObjectChange[] {
  const domain = target.type === 'domain' ? reader.find('Domain', target.domainUid) : undefined
  if (domain === undefined || domain.metadata.deletionRequestedAt !== undefined) return []
  return [{ type: 'requestDeletion', before: domain }]
}

function touch(instance: Instance): ObjectChange {
  return { type: 'spec', before: instance, spec: instance.spec }
}

interface GiftInput {
  readonly instance: Instance
  readonly service: Service
  readonly context: PlanContext
}

function giftOf(request: RequestOf<'attach'>, input: GiftInput): Gift {
  const { target } = request
  switch (target.type) {
    case 'domain':
      return domainGift(target, input)
    case 'database':
      return databaseGift(target, request.project, input)
    case 'volume':
      return volumeGift(target, request.project, input)
    case 'port':
      return portGift(target, input)
    case 'secret': {
      const secret = named(input.context.reader, 'Secret', request.project, target.name)
      const alias = requireAlias(target.alias ?? target.name)
      return gift(
        alias,
        { type: 'secret', secretUid: secret.metadata.uid },
        `secret ${target.name}`,
      )
    }
  }
}

function domainGift(
  target: Extract<AttachTarget, { type: 'domain' }>,
  { instance, service, context }: GiftInput,
): Gift {
  const { reader } = context
  const host = target.host.toLowerCase()
  if (!isHostName(host)) {
    throw new PolisError(
      'InvalidArgument',
      `${JSON.stringify(host.slice(0, 80))} is not a host name`,
      { path: 'target.host' },
    )
  }
  const owner = ownerOfDomain(reader, host)
  const problems =
    owner === undefined
      ? []
      : [
          problem(
            'AlreadyExists',
            'target.host',
            `${host} is answered for by ${owner.name}`,
            `take it away there: polis detach domain ${host} --from ${owner.name}`,
          ),
        ]
  const [first, second] = service.spec.exposedPorts
  const port = target.port ?? (second === undefined ? first : undefined)
  if (port === undefined) {
    throw new PolisError(
      'InvalidArgument',
      `which port of ${service.spec.serviceName} answers for ${host}?`,
      {
        path: 'target.port',
        hint:
          first === undefined
            ? 'say --port 8080'
            : `it exposes ${service.spec.exposedPorts.join(', ')}`,
      },
    )
  }
  const { projectUid, uid: ownerUid } = instance.metadata
  const domainUid = newUid()
  const metadata = {
    uid: domainUid,
    name: host,
    ownerUid,
    ...(projectUid === undefined ? {} : { projectUid }),
  }
  return {
    ...gift(host, { type: 'domain', domainUid, port }, `domain ${host}`),
    problems,
    changes: [{ type: 'create', draft: { kind: 'Domain', metadata, spec: { host, tls: 'off' } } }],
    goals: service.spec.replicas > 0 ? [{ type: 'probe', host }] : [],
    result: { host },
  }
}

function databaseGift(
  target: Extract<AttachTarget, { type: 'database' }>,
  project: string,
  { context }: GiftInput,
): Gift {
  const database = named(context.reader, 'Database', project, target.name)
  const alias = requireAlias(target.alias ?? target.name)
  const spec = {
    type: 'database' as const,
    databaseUid: database.metadata.uid,
    environment: target.env,
  }
  const problems =
    database.spec.binnedAt === undefined ? [] : [inBin('database', target.name, 'target.name')]
  return { ...gift(alias, spec, `database ${target.name}`), problems }
}

function volumeGift(
  target: Extract<AttachTarget, { type: 'volume' }>,
  project: string,
  { context }: GiftInput,
): Gift {
  const { reader } = context
  const volume = named(reader, 'Volume', project, target.name)
  const alias = requireAlias(target.alias ?? target.name)
  const user = findExclusiveUser(reader, volume.metadata.uid)
  const spec = {
    type: 'volume' as const,
    volumeUid: volume.metadata.uid,
    isReadOnly: target.readOnly,
  }
  return {
    ...gift(alias, spec, `volume ${target.name}`),
    problems: [
      ...(volume.spec.binnedAt === undefined ? [] : [inBin('volume', target.name, 'target.name')]),
      ...(user === undefined
        ? []
        : [
            problem(
              'FailedPrecondition',
              'target.name',
              `volume ${target.name} is in exclusive use by ${user.name}`,
              `detach it there: polis detach volume ${target.name} --from ${user.name}`,
            ),
          ]),
    ],
  }
}

function portGift(target: Extract<AttachTarget, { type: 'port' }>, { context }: GiftInput): Gift {
  const port =
    target.port ?? unusedPublishedPort(context.reader, new Set(context.outside.foreignPorts.keys()))
  const { address, targetPort } = target
  return {
    ...gift(String(port), { type: 'port', address, port, targetPort }, `port ${port}`),
    problems: portProblems(context, port, 'target.port', undefined),
    result: { port: String(port) },
  }
}

function gift(alias: string, target: AttachmentTarget, title: string): Gift {
  return { alias, target, title, problems: [], changes: [], goals: [], result: {} }
}

function requireAlias(alias: string): string {
  if (isDnsLabel(alias) && alias !== 'bindings' && alias !== 'secrets') return alias
  throw new PolisError(
    'InvalidArgument',
    `${JSON.stringify(alias.slice(0, 80))} cannot be a name under /polis`,
    {
      path: 'target.alias',
      hint: 'use lower-case letters, digits and hyphens: --as NAME',
    },
  )
}

function objectNameOf(reader: PlanContext['reader'], target: AttachmentTarget): string | undefined {
  switch (target.type) {
    case 'domain':
      return reader.find('Domain', target.domainUid)?.metadata.name
    case 'database':
      return reader.find('Database', target.databaseUid)?.metadata.name
    case 'volume':
      return reader.find('Volume', target.volumeUid)?.metadata.name
    case 'secret':
      return reader.find('Secret', target.secretUid)?.metadata.name
    case 'port':
      return String(target.port)
  }
}
