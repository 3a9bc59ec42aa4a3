import { PolisError } from '@polis/lib/error'
import type { Instance } from '@polis/resources/instance'
import type { PolisObject } from '@polis/resources/registry'
import type { Service } from '@polis/resources/service'
import type { ObjectReader } from '../objects/object-cache.ts'
import { projectUidOf } from './decision.ts'
import { serviceObjectName } from './naming.ts'

/** Kinds that requests name within a project. */
type NamedKind = 'Instance' | 'Database' | 'Volume' | 'Domain' | 'Secret' | 'Config'

/** The object a request names. Throws NotFound with what to do, FailedPrecondition while it is on its way out. */
export function named<Kind extends NamedKind>(
  reader: ObjectReader,
  kind: Kind,
  project: string,
  name: string,
): PolisObject<Kind> {
  const object = reader.findByName(kind, projectUidOf(reader, project), name)
  const verb = LIST_VERBS[kind]
  if (object === undefined) {
    throw new PolisError(
      'NotFound',
      `there is no ${kind.toLowerCase()} ${name} in project ${project}`,
      {
        path: kind.toLowerCase(),
        hint: `see polis ${verb} ls`,
      },
    )
  }
  return staying(object)
}

const LIST_VERBS: Readonly<Record<NamedKind, string>> = {
  Instance: 'app',
  Database: 'database',
  Volume: 'volume',
  Domain: 'domain',
  Secret: 'secret',
  Config: 'config',
}

/** The same object, unless it is on its way out. */
export function staying<Target extends PolisObject>(object: Target): Target {
  if (object.metadata.deletionRequestedAt === undefined) return object
  throw new PolisError('FailedPrecondition', `${object.metadata.name} is being removed`, {
    hint: 'wait until it is gone',
  })
}

/** An instance and its service of that Compose name. Throws NotFound, naming those there are. */
export function namedService(
  reader: ObjectReader,
  request: { readonly project: string; readonly instance: string; readonly service: string },
): { readonly instance: Instance; readonly service: Service } {
  const instance = named(reader, 'Instance', request.project, request.instance)
  const name = serviceObjectName(instance.metadata.name, request.service)
  const service = reader.findByName('Service', instance.metadata.projectUid, name)
  if (service !== undefined) return { instance, service: staying(service) }
  const known = reader
    .ownedBy('Service', instance.metadata.uid)
    .map(({ spec }) => spec.serviceName)
    .toSorted()
  throw new PolisError('NotFound', `${request.instance} has no service ${request.service}`, {
    path: 'service',
    hint: known.length === 0 ? 'it has none yet' : `it has ${known.join(', ')}`,
  })
}
