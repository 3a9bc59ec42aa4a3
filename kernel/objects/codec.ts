import { type Json, toJson } from '@polis/lib/json'
import { PolisError } from '@polis/lib/error'
import { Metadata } from '@polis/resources/object'
import { type KindName, kinds, type PolisObject } from '@polis/resources/registry'
import { z } from 'zod'
import type { Entry } from '../store/store.ts'

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
 * Throws FailedPrecondition for a document of a newer program or of a kind unknown here: reading on would lose what it says.
 */
export function fromEntry(entry: Entry): PolisObject {
  const envelope = Envelope.parse(entry.value)
  if (!isKindName(envelope.kind)) {
    throw new PolisError(
      'FailedPrecondition',
      `the store holds a ${envelope.kind}, which this version of Polis does not know`,
      {
        path: entry.key,
        hint: 'start the version of Polis that wrote it',
      },
    )
  }
  return decode(envelope.kind, envelope, entry)
}

function isKindName(name: string): name is KindName {
  return Object.hasOwn(kinds, name)
}

function decode(kind: KindName, envelope: z.infer<typeof Envelope>, entry: Entry): PolisObject {
  const definition = kinds[kind]
  if (envelope.version > definition.version) {
    throw new PolisError(
      'FailedPrecondition',
      `a ${kind} was stored by a newer version of Polis (document ${envelope.version}, known ${definition.version})`,
      { path: entry.key, hint: 'start the newer version of Polis again' },
    )
  }
  let document: { readonly metadata: unknown; readonly spec: unknown; readonly status: unknown } =
    envelope
  for (let version = envelope.version; version < definition.version; version += 1) {
    const migrate = definition.migrations[version]
    if (migrate === undefined)
      throw new PolisError('Internal', `no migration of ${kind} from version ${version}`)
    document = migrate(document)
  }
  return {
    kind,
    metadata: Metadata.parse(document.metadata),
    spec: definition.spec.parse(document.spec),
    status: definition.status.parse(document.status),
    revision: entry.revision,
    // The registry ties each kind's name to its spec and status; the compiler cannot follow that through the look-up.
  } as PolisObject
}
