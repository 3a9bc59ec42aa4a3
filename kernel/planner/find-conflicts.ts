import type { ApplicationModel } from '@polis/compose/model'
import { type Problem, toPolisError } from '@polis/lib/error'
import type { Instance } from '@polis/resources/instance'
import type { ObjectReader } from '../objects/object-cache.ts'
import { chooseDevice } from './choose-device.ts'
import { type PlanContext, problem } from './decision.ts'
import { derivedName } from './naming.ts'

export interface ConflictInput {
  readonly model: ApplicationModel
  readonly instanceName: string
  readonly instance: Instance | undefined
  readonly projectUid: string
  readonly context: PlanContext
}

/** Everything in an application that another already has, or that nobody can give: all at once. Pure. */
export function findConflicts(input: ConflictInput): readonly Problem[] {
  return [
    ...domainConflicts(input),
    ...portConflicts(input),
    ...databaseConflicts(input),
    ...volumeConflicts(input),
  ]
}

function domainConflicts({ model, instance, context }: ConflictInput): readonly Problem[] {
  return model.services.flatMap((service) =>
    service.domains.flatMap(({ host }, index) => {
      const owner = ownerOfDomain(context.reader, host)
      if (owner === undefined || owner.instanceUid === instance?.metadata.uid) return []
      return [
        problem(
          'AlreadyExists',
          `services.${service.name}.x-polis.domains[${index}]`,
          `${host} is answered for by ${owner.name}`,
          `choose another host, or take it away there: polis detach domain ${host} --from ${owner.name}`,
        ),
      ]
    }),
  )
}

/** Who has a host: the service that answers for it, in words and by instance. */
export function ownerOfDomain(
  reader: ObjectReader,
  host: string,
): { readonly name: string; readonly instanceUid: string | undefined } | undefined {
  const domain = reader.list('Domain').find(({ spec }) => spec.host === host)
  if (domain === undefined) return undefined
  const attachment = reader
    .guardsOf(domain.metadata.uid)
    .find((guard) => guard.kind === 'Attachment')
  const service = reader.find('Service', attachment?.spec.serviceUid)
  const instance = reader.find('Instance', service?.spec.instanceUid ?? domain.metadata.ownerUid)
  const name =
    instance === undefined
      ? 'another application'
      : `${instance.metadata.name}/${service?.spec.serviceName ?? '*'}`
  return { name, instanceUid: instance?.metadata.uid }
}

function portConflicts({ model, instance, context }: ConflictInput): readonly Problem[] {
  return model.services.flatMap((service) =>
    service.ports.flatMap(({ publishedPort }, index) => {
      if (publishedPort === undefined) return []
      const path = `services.${service.name}.ports[${index}]`
      return portProblems(context, publishedPort, path, instance?.metadata.uid)
    }),
  )
}

/** Why a port cannot be had, by an instance that may have it already. */
export function portProblems(
  { reader, outside }: PlanContext,
  port: number,
  path: string,
  instanceUid: string | undefined,
): readonly Problem[] {
  const holder = reader
    .list('Attachment')
    .find(({ spec }) => spec.target.type === 'port' && spec.target.port === port)
  const service = reader.find('Service', holder?.spec.serviceUid)
  if (service !== undefined) {
    if (service.spec.instanceUid === instanceUid) return []
    const name = reader.find('Instance', service.spec.instanceUid)?.metadata.name ?? 'another'
    const message = `port ${port} belongs to ${name}/${service.spec.serviceName}`
    return [
      problem('AlreadyExists', path, message, 'leave the published port out and one is given out'),
    ]
  }
  const foreign = outside.foreignPorts.get(port)
  if (foreign === undefined) return []
  const message = `port ${port} is held by ${foreign}, which is not Polis'`
  return [problem('AlreadyExists', path, message, 'choose another port, or stop that program')]
}

function databaseConflicts({
  model,
  instanceName,
  projectUid,
  context,
}: ConflictInput): readonly Problem[] {
  const { reader } = context
  return model.services.flatMap((service) =>
    service.databases.flatMap((request, index) => {
      const path = `services.${service.name}.x-polis.databases[${index}]`
      const name = request.database ?? derivedName(instanceName, request.name)
      const existing = reader.findByName('Database', projectUid, name)
      if (existing?.spec.binnedAt !== undefined) return [inBin('database', name, path)]
      if (existing !== undefined) return []
      try {
        chooseDevice(reader, 'database', { name: request.device, engine: request.engine })
        return []
      } catch (thrown) {
        const { code, message, hint } = toPolisError(thrown, 'choose a device')
        return [problem(code, path, message, hint)]
      }
    }),
  )
}

function volumeConflicts({
  model,
  instanceName,
  instance,
  projectUid,
  context,
}: ConflictInput): readonly Problem[] {
  const { reader } = context
  const named = model.volumes.flatMap(({ key, name, isExternal }) => {
    const objectName = name ?? derivedName(instanceName, key)
    const path = `volumes.${key}`
    const existing = reader.findByName('Volume', projectUid, objectName)
    if (existing?.spec.binnedAt !== undefined) return [inBin('volume', objectName, path)]
    const isMissing = isExternal && existing === undefined
    return isMissing
      ? [
          problem(
            'NotFound',
            path,
            `there is no volume ${objectName}`,
            `create it: polis volume create ${objectName}`,
          ),
        ]
      : []
  })
  const dynamic = model.services.flatMap((service) =>
    service.dynamicVolumes.flatMap((request, index) => {
      const path = `services.${service.name}.x-polis.volumes[${index}]`
      const name = request.volume ?? derivedName(instanceName, request.name)
      const existing = reader.findByName('Volume', projectUid, name)
      if (existing?.spec.binnedAt !== undefined) return [inBin('volume', name, path)]
      return existing === undefined
        ? []
        : exclusiveProblems(reader, existing.metadata.uid, service.name, instance, path)
    }),
  )
  return [...named, ...dynamic]
}

function exclusiveProblems(
  reader: ObjectReader,
  volumeUid: string,
  serviceName: string,
  instance: Instance | undefined,
  path: string,
): readonly Problem[] {
  const user = findExclusiveUser(reader, volumeUid)
  const isMine = user?.instanceUid === instance?.metadata.uid && user?.serviceName === serviceName
  if (user === undefined || isMine) return []
  return [
    problem(
      'FailedPrecondition',
      path,
      `the volume is in exclusive use by ${user.name}`,
      `detach it there: polis detach volume NAME --from ${user.name}`,
    ),
  ]
}

/** The service that has an exclusive volume now; undefined for a shared or unused one. */
export function findExclusiveUser(
  reader: ObjectReader,
  volumeUid: string,
):
  | { readonly name: string; readonly instanceUid: string; readonly serviceName: string }
  | undefined {
  if (reader.find('Volume', volumeUid)?.spec.isExclusive !== true) return undefined
  const attachment = reader.guardsOf(volumeUid).find((guard) => guard.kind === 'Attachment')
  const service = reader.find('Service', attachment?.spec.serviceUid)
  if (service === undefined) return undefined
  const { instanceUid, serviceName } = service.spec
  const instanceName = reader.find('Instance', instanceUid)?.metadata.name ?? '?'
  return { name: `${instanceName}/${serviceName}`, instanceUid, serviceName }
}

/** What stands in the way of using something by a name that waits in the bin. */
export function inBin(what: 'database' | 'volume', name: string, path: string): Problem {
  return problem(
    'FailedPrecondition',
    path,
    `${what} ${name} is in the bin`,
    `restore it (polis ${what} restore ${name}) or end it for good (polis ${what} purge ${name})`,
  )
}
