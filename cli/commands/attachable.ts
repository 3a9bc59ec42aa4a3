import type { Command } from 'commander'
import { change, type ChangeOptions } from '../change.ts'
import {
  CreateDatabase,
  CreateVolume,
  PurgeDatabase,
  PurgeVolume,
  RemoveDatabase,
  RemoveDomain,
  RemoveVolume,
  RestoreDatabase,
  RestoreVolume,
  RotateDatabasePassword,
} from '../documents/changes.ts'
import {
  DatabaseFind,
  DatabaseList,
  DomainFind,
  DomainList,
  VolumeFind,
  VolumeList,
} from '../documents/attachables.ts'
import type { ResultOf } from '../graphql.ts'
import { toAge, toSize } from '../output/units.ts'
import type { Shell } from '../shell.ts'
import { addNamedChange } from './change-command.ts'
import { addLs, addShow, type Listing } from './listing.ts'
import { changing, examples, inProject } from './options.ts'

type Database = ResultOf<typeof DatabaseList>['page']['nodes'][number]
type Volume = ResultOf<typeof VolumeList>['page']['nodes'][number]
type Domain = ResultOf<typeof DomainList>['page']['nodes'][number]

const databases: Listing<Database> = {
  plural: 'databases',
  list: DatabaseList,
  ifEmpty: 'no databases; make one with `polis database create NAME`',
  isInProject: true,
  columns: (now) => [
    { title: 'NAME', text: ({ name }) => name },
    { title: 'DEVICE', text: ({ device }) => device?.name ?? '' },
    { title: 'STATE', text: (database) => keptState(database) },
    { title: 'SIZE', text: ({ status }) => toSize(status.sizeBytes) },
    { title: 'ATTACHED TO', text: ({ attachments }) => holders(attachments) },
    { title: 'AGE', text: ({ createdAt }) => toAge(createdAt, now) },
  ],
}

const volumes: Listing<Volume> = {
  plural: 'volumes',
  list: VolumeList,
  ifEmpty: 'no volumes; make one with `polis volume create NAME`',
  isInProject: true,
  columns: (now) => [
    { title: 'NAME', text: ({ name }) => name },
    { title: 'DEVICE', text: ({ device }) => device?.name ?? '' },
    { title: 'STATE', text: (volume) => keptState(volume) },
    { title: 'SIZE', text: ({ status }) => toSize(status.sizeBytes) },
    { title: 'PATH', text: ({ status }) => status.path ?? '' },
    {
      title: 'USED BY',
      text: ({ attachments, services }) =>
        holders([...attachments, ...services.map((service) => ({ service }))]),
    },
    { title: 'AGE', text: ({ createdAt }) => toAge(createdAt, now) },
  ],
}

const domains: Listing<Domain> = {
  plural: 'domains',
  list: DomainList,
  ifEmpty: 'no domains; give a service one with `polis attach domain HOST --to APP/SERVICE`',
  isInProject: true,
  columns: (now) => [
    { title: 'HOST', text: ({ spec }) => spec.host },
    { title: 'TLS', text: ({ spec }) => spec.tls },
    { title: 'LEADS TO', text: ({ attachments }) => holders(attachments) },
    { title: 'AGE', text: ({ createdAt }) => toAge(createdAt, now) },
  ],
}

export function addDatabase(program: Command, shell: Shell): void {
  const noun = program.command('database').description('Databases with their roles.')
  addLs(noun, shell, databases)
  addShow(noun, shell, databases, DatabaseFind)
  const create = changing(inProject(noun.command('create')))
    .description('Make a database.')
    .argument('<name>', 'its name')
    .option('--device <name>', 'the database server; absent: the only one')
    .action((name: string, options: CreateOptions) =>
      shell.run(create, (session) => {
        const { project, device } = options
        const input = { project, name, ...(device === undefined ? {} : { device }) }
        return change(session, CreateDatabase, input, options)
      }),
    )
  examples(
    create,
    'polis database create orders',
    'polis database create orders --device postgresql',
  )
  const input = (name: string, project: string) => ({ name, project })
  const documents = { remove: RemoveDatabase, restore: RestoreDatabase }
  addBin(noun, shell, documents)
  addPurge(noun, shell, PurgeDatabase)
  addNamedChange(noun, shell, {
    name: 'rotate',
    description: 'Give it a new password, and those attached to it too.',
    document: RotateDatabasePassword,
    isInProject: true,
    input,
  })
}

export function addVolume(program: Command, shell: Shell): void {
  const noun = program.command('volume').description('Folders of data.')
  addLs(noun, shell, volumes)
  addShow(noun, shell, volumes, VolumeFind)
  const create = changing(inProject(noun.command('create')))
    .description('Make a volume.')
    .argument('<name>', 'its name')
    .option(
      '--path <folder>',
      'a folder of the node below an allowed root; absent: the device chooses',
    )
    .option('--exclusive', 'for one service at most, with tasks that never overlap')
    .option('--device <name>', 'the volume host; absent: the only one')
    .action((name: string, options: CreateOptions & VolumeOptions) =>
      shell.run(create, (session) => {
        const { project, path, exclusive: isExclusive = false, device } = options
        const input = {
          project,
          name,
          isExclusive,
          ...(path === undefined ? {} : { path }),
          ...(device === undefined ? {} : { device }),
        }
        return change(session, CreateVolume, input, options)
      }),
    )
  examples(create, 'polis volume create photos', 'polis volume create photos --path /srv/photos')
  addBin(noun, shell, { remove: RemoveVolume, restore: RestoreVolume })
  addPurge(noun, shell, PurgeVolume)
}

export function addDomain(program: Command, shell: Shell): void {
  const noun = program.command('domain').description('Host names that lead to services.')
  addLs(noun, shell, domains)
  addShow(noun, shell, domains, DomainFind)
  addNamedChange(noun, shell, {
    name: 'remove',
    description: 'Give a host name up. Refused while it is attached.',
    document: RemoveDomain,
    isInProject: true,
    argument: 'host',
    input: (host, project) => ({ host, project }),
  })
}

interface CreateOptions extends ChangeOptions {
  readonly project: string
  readonly device?: string
}

interface VolumeOptions {
  readonly path?: string
  readonly exclusive?: boolean
}

type NamedDocument = Parameters<
  typeof addNamedChange<{ readonly name: string; readonly project: string }>
>[2]['document']

function addBin(
  noun: Command,
  shell: Shell,
  documents: { readonly remove: NamedDocument; readonly restore: NamedDocument },
): void {
  const input = (name: string, project: string): { name: string; project: string } => ({
    name,
    project,
  })
  addNamedChange(noun, shell, {
    name: 'remove',
    description: 'Put it into the bin: closed, data kept. Refused while it is in use.',
    document: documents.remove,
    isInProject: true,
    input,
  })
  addNamedChange(noun, shell, {
    name: 'restore',
    description: 'Take it out of the bin.',
    document: documents.restore,
    isInProject: true,
    input,
  })
}

type PurgeDocument = Parameters<
  typeof change<{ readonly name: string; readonly project: string; readonly confirmName: string }>
>[1]

/** Nothing with data in it goes without being named twice. */
function addPurge(noun: Command, shell: Shell, document: PurgeDocument): void {
  const purge = changing(inProject(noun.command('purge')))
    .description('Delete it for good. It has to be in the bin.')
    .argument('<name>', 'its name')
    .requiredOption('--confirm <name>', 'the name once more')
    .action((name: string, options: CreateOptions & { readonly confirm: string }) =>
      shell.run(purge, (session) => {
        const { project, confirm: confirmName } = options
        return change(session, document, { project, name, confirmName }, options)
      }),
    )
  examples(purge, `polis ${noun.name()} purge NAME --confirm NAME`)
}

function keptState(object: {
  readonly isReady: boolean
  readonly deletionRequestedAt: string | null
  readonly spec: { readonly binnedAt: string | null }
}): string {
  if (object.deletionRequestedAt !== null) return 'removing'
  if (object.spec.binnedAt !== null) return 'in the bin'
  return object.isReady ? 'ready' : 'not ready'
}

interface Holder {
  readonly service: {
    readonly spec: { readonly serviceName: string }
    readonly instance: { readonly name: string } | null
  } | null
}

/** `shop/web, shop/worker` */
export function holders(attachments: readonly Holder[]): string {
  return attachments
    .map(({ service }) => `${service?.instance?.name ?? '?'}/${service?.spec.serviceName ?? '?'}`)
    .join(', ')
}
