import { type Json, toJson } from '@polis/lib/json'
import { PolisError } from '@polis/lib/error'
import type { KindDefinition, MigratableDocument } from '@polis/resources/kind'
import { type BaseStatus, Metadata, type StoredObject } from '@polis/resources/object'
import { type KindName, kinds, type PolisObject } from '@polis/resources/registry'
import { z } from 'zod'
import type { Entry } from '../store/store.ts'

const Kinded = z.object({ kind: z.string() })

const Envelope = z.object({
  version: z.number().int().positive(),
  kind: z.string(),
  metadata: z.unknown(),
  spec: z.unknown(),
  status: z.unknown(),
})

/**
 * The stored form of an object. Undefined members vanish, as JSON has none.
 * A document says its version, so that an older one can be migrated when it is read.
 */
export function toDocument(object: Omit<PolisObject, 'revision'>): Json {
  const { kind, metadata, spec, status } = object
  return toJson({ version: kinds[kind].version, kind, metadata, spec, status })
}

/**
 * An object out of the store, migrated to this program's version.
 * Throws FailedPrecondition for a document of a newer program or of a kind unknown here: reading on would lose what it
 * says; Internal, with the entry's key as path, for one that is not what its version says.
 */
export function fromEntry({ key, value, revision }: Entry): PolisObject {
  const { kind } = parse(Kinded, value, key)
  if (!isKindName(kind)) {
    throw new PolisError(
      'FailedPrecondition',
      `the store holds a ${kind}, which this version of Polis does not know`,
      { path: key, hint: 'start the version of Polis that wrote it' },
    )
  }
  // The registry ties each kind's name to its spec and status; the compiler cannot follow that through the look-up.
  return { ...decode(kinds[kind], value, key), revision } as PolisObject
}

function isKindName(name: string): name is KindName {
  return Object.hasOwn(kinds, name)
}

type Decodable = Pick<
  KindDefinition<string, unknown, BaseStatus>,
  'name' | 'version' | 'spec' | 'status' | 'migrations'
>

/** A document of any version of a kind, as its newest version. Throws as `fromEntry`; `path` says where it lies. */
export function decode(
  definition: Decodable,
  document: Json,
  path: string,
): Omit<StoredObject<string, unknown, BaseStatus>, 'revision'> {
  const { name, version: known } = definition
  const envelope = parse(Envelope, document, path)
  if (envelope.version > known) {
    throw new PolisError(
      'FailedPrecondition',
      `a ${name} was stored by a newer version of Polis (document ${envelope.version}, known ${known})`,
      { path, hint: 'start the newer version of Polis again' },
    )
  }
  let migrated: MigratableDocument = envelope
  for (let version = envelope.version; version < known; version += 1) {
    const migrate = definition.migrations[version]
    if (migrate === undefined)
      throw new PolisError('Internal', `no migration of ${name} from version ${version}`, { path })
    migrated = migrate(migrated)
  }
  return {
    kind: name,
    metadata: parse(Metadata, migrated.metadata, path),
    spec: parse(definition.spec, migrated.spec, path),
    status: parse(definition.status, migrated.status, path),
  }
}

function parse<T>(schema: z.ZodType<T>, value: unknown, path: string): T {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  throw new PolisError('Internal', 'the store holds a document that cannot be read', {
    path,
    cause: result.error,
    hint: 'restore a backup of the store, or start the version of Polis that wrote it',
  })
}
