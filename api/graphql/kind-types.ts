import type { ImplementableInterfaceRef } from '@pothos/core'
import { isReady } from '@polis/resources/object'
import { type KindName, kindNames, kinds, type PolisObject } from '@polis/resources/registry'
import { z } from 'zod'
import type { Builder, SchemaTypes } from './builder.ts'
import { byName, type Link, links } from './links.ts'
import { type Fields, type ObjectRefOf, type ObjectTypes } from './object-types.ts'
import { SECRET } from './words/shape.ts'
import { kindWords, statusWords } from './words/kinds.ts'

export interface KindTypes {
  /** What all kinds have in common. */
  readonly resource: ResourceRef
  readonly of: (name: KindName) => ObjectRefOf<PolisObject>
}

type ResourceRef = ImplementableInterfaceRef<SchemaTypes, PolisObject>

/** One object type for each kind of the registry, all of them a Resource. */
export function addKindTypes(builder: Builder, types: ObjectTypes): KindTypes {
  const refs = new Map(kindNames.map((name) => [name, builder.objectRef<PolisObject>(name)]))
  const resource = builder.interfaceRef<PolisObject>('Resource')
  const kindTypes: KindTypes = {
    resource,
    of: (name) => {
      const ref = refs.get(name)
      if (ref === undefined) throw new Error(`no type for ${name}`)
      return ref
    },
  }
  implementResource(kindTypes, types)
  for (const name of kindNames) implementKind(builder, types, kindTypes, name)
  return kindTypes
}

function implementResource({ resource, of }: KindTypes, types: ObjectTypes): void {
  resource.implement({
    description: 'An object of Polis. All kinds have these fields.',
    resolveType: ({ kind }) => kind,
    fields: (t) => ({
      kind: t.field({
        type: types.enumNamed('Kind'),
        description: 'What sort of object it is.',
        resolve: ({ kind }) => kind,
      }),
      uid: t.id({
        description: 'Its identity; never used again for another.',
        resolve: ({ metadata }) => metadata.uid,
      }),
      name: t.string({
        description: 'Unique among objects of its kind in its project.',
        resolve: ({ metadata }) => metadata.name,
      }),
      project: t.field({
        type: of('Project'),
        nullable: true,
        description: 'The project it is in; absent: it belongs to the installation.',
        resolve: ({ metadata }, _, { lookup }) =>
          lookup.reader.find('Project', metadata.projectUid),
      }),
      generation: t.int({
        description: 'Grows by one on each change of its spec.',
        resolve: ({ metadata }) => metadata.generation,
      }),
      createdAt: t.field({
        type: 'DateTime',
        description: 'When it was made.',
        resolve: ({ metadata }) => metadata.createdAt,
      }),
      deletionRequestedAt: t.field({
        type: 'DateTime',
        nullable: true,
        description: 'When somebody asked for its removal; it stays until that is carried out.',
        resolve: ({ metadata }) => metadata.deletionRequestedAt,
      }),
      ownerUid: t.id({
        nullable: true,
        description: 'The object that it lives and dies with.',
        resolve: ({ metadata }) => metadata.ownerUid,
      }),
      requestId: t.string({
        nullable: true,
        description: 'The request that changed it last.',
        resolve: ({ metadata }) => metadata.requestId,
      }),
      isReady: t.boolean({
        description: 'Whether its controller has seen the newest spec and says that it holds.',
        resolve: (object) => isReady(object),
      }),
      conditions: t.field({
        type: [types.named('Condition')],
        description: 'What is and is not true of it.',
        resolve: ({ status }) => status.conditions,
      }),
      heldBy: t.field({
        type: [resource],
        description: 'Objects that keep it from being removed.',
        resolve: ({ metadata }, _, { lookup }) => byName(lookup.reader.guardsOf(metadata.uid)),
      }),
    }),
  })
}

function implementKind<Name extends KindName>(
  builder: Builder,
  types: ObjectTypes,
  kindTypes: KindTypes,
  name: Name,
): void {
  const words = kindWords[name]
  const spec = {
    name: `${name}Spec`,
    summary: `Spec of ${kinds[name].plural}: what they shall be.`,
    schema: objectSchema(kinds[name].spec),
    words: words.spec,
  }
  const status = {
    name: `${name}Status`,
    summary: `Status of ${kinds[name].plural}: what they are, as last seen.`,
    schema: objectSchema(kinds[name].status),
    words: { ...statusWords, ...words.status },
  }
  const hasSpec = Object.values(words.spec).some((word) => word !== SECRET)
  // Made here and now, not when the library asks for the fields: others add to these types by name.
  const specType = hasSpec ? types.add(spec) : undefined
  const statusType = types.add(status)
  kindTypes.of(name).implement({
    description: kinds[name].summary,
    interfaces: [kindTypes.resource],
    fields: (t) => ({
      // A type without fields is not GraphQL; such a kind has nothing to decide.
      ...(specType === undefined
        ? {}
        : {
            spec: t.field({
              type: specType,
              description: 'What it shall be.',
              resolve: ({ spec: value }): Fields => value,
            }),
          }),
      status: t.field({
        type: statusType,
        description: 'What it is.',
        resolve: ({ status: value }): Fields => value,
      }),
    }),
  })
  for (const [field, link] of Object.entries(links[name])) {
    addLink(builder, kindTypes, { name, field, link })
  }
}

function addLink<Name extends KindName>(
  builder: Builder,
  kindTypes: KindTypes,
  at: { readonly name: Name; readonly field: string; readonly link: Link<Name> },
): void {
  const { name, field, link } = at
  const { description } = link
  const type = kindTypes.of(link.to)
  builder.objectField(kindTypes.of(name), field, (t) =>
    'find' in link
      ? t.field({
          type,
          description,
          nullable: true,
          resolve: (object, _, { lookup }) => link.find(ofKind(object, name), lookup),
        })
      : t.field({
          type: [type],
          description,
          resolve: (object, _, { lookup }) => link.list(ofKind(object, name), lookup),
        }),
  )
}

function ofKind<Name extends KindName>(object: PolisObject, name: Name): PolisObject<Name> {
  if (isOfKind(object, name)) return object
  throw new Error(`a ${object.kind} where a ${name} belongs`)
}

function isOfKind<Name extends KindName>(
  object: PolisObject,
  name: Name,
): object is PolisObject<Name> {
  return object.kind === name
}

/** Every kind's spec and status is an object; the definition's type is wider. */
function objectSchema(schema: unknown): z.ZodObject {
  if (schema instanceof z.ZodObject) return schema
  throw new Error('a spec or status that is not an object')
}
