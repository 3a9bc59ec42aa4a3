import type { ApplicationModel, DatabaseRequest, ServiceModel } from '@polis/compose/model'
import { PolisError } from '@polis/lib/error'
import type { Attachment, AttachmentSpec, AttachmentTarget } from '@polis/resources/attachment'
import type { Image } from '@polis/resources/image'
import type { Instance } from '@polis/resources/instance'
import type { Revision } from '@polis/resources/revision'
import type { ObjectChange } from '../objects/change.ts'
import type { ObjectReader } from '../objects/object-cache.ts'
import { chooseDevice } from './choose-device.ts'
import { Expansion } from './expansion.ts'
import { findImages } from './images.ts'
import {
  attachmentName,
  derivedName,
  engineDatabaseName,
  passwordSecretName,
  serviceObjectName,
} from './naming.ts'
import { unusedGatewayPort, unusedPublishedPort } from './ports.ts'
import { taskTemplateOf } from './task-template.ts'

export interface ExpansionInput {
  readonly reader: ObjectReader
  readonly instance: Instance
  readonly revision: Revision
  readonly model: ApplicationModel
  /** A new password, sealed for the Secret of that uid. Asked for only when a database is made. */
  readonly sealNewPassword: (secretUid: string) => string
}

/**
 * What an instance's revision means in objects: volumes, databases, domains, services and attachments, as changes
 * from what is there. Pure but for new uids and passwords; applied in any number of transactions it ends in one place.
 * Throws FailedPrecondition or NotFound for what stands in the way (a volume in the bin, no database device).
 */
export function expandInstance(input: ExpansionInput): readonly ObjectChange[] {
  const expansion = new Expansion(input.reader)
  const images = findImages(input.reader, input.instance, input.revision)
  const context: Context = { ...input, expansion, images, promisedPorts: new Set() }
  const volumeUids = wantNamedVolumes(context)
  for (const service of input.model.services) wantService(context, service, volumeUids)
  releaseWhatIsLeft(context)
  return expansion.changes
}

interface Context extends ExpansionInput {
  readonly expansion: Expansion
  readonly images: ReadonlyMap<string, Image | undefined>
  readonly promisedPorts: Set<number>
}

function wantNamedVolumes(context: Context): ReadonlyMap<string, string> {
  const { instance, model, reader } = context
  return new Map(
    model.volumes.map(({ key, name, isExternal }) => {
      const objectName = name ?? derivedName(instance.metadata.name, key)
      if (!isExternal) return [key, wantVolume(context, objectName, false)]
      const found = reader.findByName('Volume', instance.metadata.projectUid, objectName)
      if (found !== undefined) return [key, found.metadata.uid]
      throw new PolisError('NotFound', `there is no volume ${objectName}`, {
        path: `volumes.${key}`,
        hint: `create it: polis volume create ${objectName}`,
      })
    }),
  )
}

/** An existing volume as it is, or a new one. */
function wantVolume(context: Context, name: string, isExclusive: boolean): string {
  const { instance, reader, expansion } = context
  const { projectUid, uid: ownerUid } = instance.metadata
  const before = reader.findByName('Volume', projectUid, name)
  if (before?.spec.binnedAt !== undefined) throw inBin('volume', name)
  const spec = before?.spec ?? {
    deviceUid: chooseDevice(reader, 'volume-host').metadata.uid,
    isExclusive,
  }
  return expansion.want('Volume', { name, projectUid, ownerUid }, spec)
}

function wantService(
  context: Context,
  model: ServiceModel,
  volumeUids: ReadonlyMap<string, string>,
): void {
  const { expansion, instance, revision, reader } = context
  const { projectUid, uid: instanceUid } = instance.metadata
  const name = serviceObjectName(instance.metadata.name, model.name)
  const image = context.images.get(model.name)
  if (image?.status.pinned === undefined) {
    throw new PolisError('Unavailable', `the image of ${model.name} is not there yet`)
  }
  const exposedPorts = exposedPortsOf(model, image)
  const existing = reader.findByName('Service', projectUid, name)
  const operatorLayer =
    existing === undefined ? [] : operatorAttachments(reader, existing.metadata.uid)
  const override = instance.spec.overrides[model.name]
  const detached = new Set(override?.detached)
  const fromFile = wantedAttachments(context, model, exposedPorts, existing?.metadata.uid).filter(
    ({ alias, target }) => !detached.has(detachedKey(target.type, alias)),
  )
  const all = [...fromFile, ...operatorLayer]
  const serviceUid = expansion.want(
    'Service',
    { name, projectUid, ownerUid: instanceUid },
    {
      instanceUid,
      revisionUid: revision.metadata.uid,
      imageUid: image.metadata.uid,
      serviceName: model.name,
      replicas: instance.spec.isStopped ? 0 : (override?.replicas ?? model.replicas),
      template: taskTemplateOf({
        model,
        override,
        image: image.status.pinned,
        databases: all.map((attachment) => ({
          attachment: { serviceUid: '', layer: 'file', ...attachment },
          passwordVersion: passwordVersionOf(reader, attachment.target),
        })),
        volumeUids,
      }),
      dependsOn: model.dependsOn.map(({ service, condition }) => ({
        serviceName: service,
        condition,
      })),
      updateOrder: updateOrderOf(model, all, reader),
      exposedPorts: [...exposedPorts],
    },
  )
  for (const { alias, target } of fromFile) {
    const spec: AttachmentSpec = { serviceUid, alias, layer: 'file', target }
    expansion.want(
      'Attachment',
      { name: attachmentName(name, target.type, alias), projectUid, ownerUid: instanceUid },
      spec,
    )
  }
}

/** How the operator's layer names an attachment of the file that was taken away. */
export function detachedKey(type: AttachmentTarget['type'], alias: string): string {
  return `${type}/${alias}`
}

interface Wanted {
  readonly alias: string
  readonly target: AttachmentTarget
}

function wantedAttachments(
  context: Context,
  model: ServiceModel,
  exposedPorts: readonly number[],
  serviceUid: string | undefined,
): readonly Wanted[] {
  return [
    ...model.dynamicVolumes.map(({ name, volume, readOnly, exclusive }): Wanted => {
      const objectName = volume ?? derivedName(context.instance.metadata.name, name)
      const volumeUid = wantVolume(context, objectName, exclusive)
      return { alias: name, target: { type: 'volume', volumeUid, isReadOnly: readOnly } }
    }),
    ...model.databases.map((request): Wanted => {
      const databaseUid = wantDatabase(context, request)
      return {
        alias: request.name,
        target: { type: 'database', databaseUid, environment: { ...request.env } },
      }
    }),
    ...model.domains.map(({ host, port }): Wanted => {
      const domainUid = wantDomain(context, host)
      const target = port ?? defaultPort(model.name, host, exposedPorts)
      return { alias: host, target: { type: 'domain', domainUid, port: target } }
    }),
    ...model.ports.map((port): Wanted => {
      const published = port.publishedPort ?? givenOutPort(context, serviceUid, port.targetPort)
      const target = { address: port.address, port: published, targetPort: port.targetPort }
      return { alias: String(published), target: { type: 'port', ...target } }
    }),
  ]
}

function wantDomain({ expansion, instance, reader }: Context, host: string): string {
  const { projectUid, uid: ownerUid } = instance.metadata
  const before = reader.findByName('Domain', projectUid, host)
  return expansion.want(
    'Domain',
    { name: host, projectUid, ownerUid },
    before?.spec ?? { host, tls: 'off' },
  )
}

function wantDatabase(context: Context, request: DatabaseRequest): string {
  const { expansion, instance, reader, promisedPorts } = context
  const { projectUid, uid: ownerUid } = instance.metadata
  const name = request.database ?? derivedName(instance.metadata.name, request.name)
  const before = reader.findByName('Database', projectUid, name)
  if (before?.spec.binnedAt !== undefined) throw inBin('database', name)
  if (before !== undefined) {
    return expansion.want('Database', { name, projectUid, ownerUid }, before.spec)
  }
  const device = chooseDevice(reader, 'database', { name: request.device, engine: request.engine })
  const passwordUid = expansion.want(
    'Secret',
    { name: passwordSecretName(name), projectUid, ownerUid },
    (uid) => ({ sealedValue: context.sealNewPassword(uid), version: 1 }),
  )
  const engineName = engineDatabaseName(projectNameOf(reader, projectUid), name)
  const gatewayPort = unusedGatewayPort(reader, promisedPorts)
  promisedPorts.add(gatewayPort)
  return expansion.want(
    'Database',
    { name, projectUid, ownerUid },
    {
      deviceUid: device.metadata.uid,
      databaseName: engineName,
      roleName: engineName,
      passwordUid,
      gatewayPort,
    },
  )
}

/** Services and attachments that the revision no longer has; what an operator attached stays with its service. */
function releaseWhatIsLeft({ expansion, instance, reader }: Context): void {
  for (const service of reader.ownedBy('Service', instance.metadata.uid)) {
    const isWanted = expansion.kept.has(service.metadata.uid)
    for (const attachment of attachmentsOf(reader, service.metadata.uid)) {
      const isKept = isWanted && attachment.spec.layer === 'operator'
      if (!isKept && !expansion.kept.has(attachment.metadata.uid)) expansion.release(attachment)
    }
    if (!isWanted) expansion.release(service)
  }
  for (const domain of reader.ownedBy('Domain', instance.metadata.uid)) {
    const isByHand = reader
      .guardsOf(domain.metadata.uid)
      .some((guard) => guard.kind === 'Attachment' && guard.spec.layer === 'operator')
    if (!isByHand && !expansion.kept.has(domain.metadata.uid)) expansion.release(domain)
  }
}

/** Attachments of a service, those that are going too. */
export function attachmentsOf(reader: ObjectReader, serviceUid: string): readonly Attachment[] {
  return reader
    .guardsOf(serviceUid)
    .filter((object): object is Attachment => object.kind === 'Attachment')
}

function operatorAttachments(reader: ObjectReader, serviceUid: string): readonly Wanted[] {
  return attachmentsOf(reader, serviceUid)
    .filter(
      ({ spec, metadata }) =>
        spec.layer === 'operator' && metadata.deletionRequestedAt === undefined,
    )
    .map(({ spec }) => spec)
}

function passwordVersionOf(reader: ObjectReader, target: AttachmentTarget): number {
  if (target.type !== 'database') return 0
  const database = reader.find('Database', target.databaseUid)
  return reader.find('Secret', database?.spec.passwordUid)?.spec.version ?? 1
}

function updateOrderOf(
  model: ServiceModel,
  attachments: readonly Wanted[],
  reader: ObjectReader,
): 'start-first' | 'stop-first' {
  const isExclusive =
    model.dynamicVolumes.some((volume) => volume.exclusive) ||
    attachments.some(
      ({ target }) =>
        target.type === 'volume' &&
        reader.find('Volume', target.volumeUid)?.spec.isExclusive === true,
    )
  // Two versions of a program on one data folder is how databases get broken: a written mount counts as exclusive.
  const writesMount = model.volumeMounts.some((mount) => !mount.readOnly)
  return isExclusive || writesMount ? 'stop-first' : 'start-first'
}

function exposedPortsOf(model: ServiceModel, image: Image): readonly number[] {
  const ofImage = image.status.exposedPorts.flatMap((text) => {
    const [port, protocol] = text.split('/')
    return protocol === 'udp' ? [] : [Number(port)]
  })
  const declared = [
    ...model.exposedPorts.map(({ port }) => port),
    ...model.ports.map((port) => port.targetPort),
  ]
  return [...new Set([...declared, ...ofImage])]
}

function defaultPort(serviceName: string, host: string, exposedPorts: readonly number[]): number {
  const [port, another] = exposedPorts
  if (port !== undefined && another === undefined) return port
  throw new PolisError(
    'InvalidArgument',
    port === undefined
      ? `service ${serviceName} exposes no port for ${host}`
      : `service ${serviceName} exposes several ports: ${exposedPorts.join(', ')}`,
    {
      path: `services.${serviceName}.x-polis.domains`,
      hint: `say which port answers for ${host}: port: 8080`,
    },
  )
}

function givenOutPort(
  context: Context,
  serviceUid: string | undefined,
  targetPort: number,
): number {
  const { reader, promisedPorts } = context
  const existing = serviceUid === undefined ? [] : attachmentsOf(reader, serviceUid)
  for (const { spec } of existing) {
    const { target } = spec
    if (target.type !== 'port' || spec.layer !== 'file' || target.targetPort !== targetPort)
      continue
    if (promisedPorts.has(target.port)) continue
    promisedPorts.add(target.port)
    return target.port
  }
  const port = unusedPublishedPort(reader, promisedPorts)
  promisedPorts.add(port)
  return port
}

function projectNameOf(reader: ObjectReader, projectUid: string | undefined): string {
  return reader.find('Project', projectUid)?.metadata.name ?? 'default'
}

function inBin(what: string, name: string): PolisError {
  return new PolisError('FailedPrecondition', `${what} ${name} is in the bin`, {
    hint: `restore it (polis ${what} restore ${name}) or end it for good (polis ${what} purge ${name})`,
  })
}
