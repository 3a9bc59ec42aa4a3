import { AttachmentSpec } from '@polis/resources/attachment'
import { ImageSpec } from '@polis/resources/image'
import { InstanceSpec } from '@polis/resources/instance'
import type { KindName } from '@polis/resources/registry'
import { TaskTemplate } from '@polis/resources/service'
import type { Builder } from './builder.ts'
import type { KindTypes } from './kind-types.ts'
import type { Fields, ObjectTypes } from './object-types.ts'
import { imageSources, targets } from './words/unions.ts'

/** Fields that a table of words cannot make: unions, and records of objects as lists. */
export function addSpecialFields(builder: Builder, types: ObjectTypes, kindTypes: KindTypes): void {
  addUnions(builder, types)
  addLinksOfTargets(builder, types, kindTypes)
  builder.objectField(types.known('InstanceSpec'), 'overrides', (t) =>
    t.field({
      type: [types.named('NamedOverride')],
      description: 'What an operator changed by hand, by service; a new deploy leaves it.',
      resolve: ({ overrides }) =>
        Object.entries(InstanceSpec.shape.overrides.parse(overrides)).map(
          ([serviceName, override]): Fields => ({ serviceName, ...override }),
        ),
    }),
  )
  builder.objectField(types.known('TaskTemplate'), 'environmentFrom', (t) =>
    t.field({
      type: [types.named('VariableSource')],
      description: 'Environment variables filled from a binding when the task starts.',
      resolve: ({ environmentFrom }) =>
        Object.entries(TaskTemplate.shape.environmentFrom.parse(environmentFrom)).map(
          ([variable, source]): Fields => ({ variable, ...source }),
        ),
    }),
  )
}

function addUnions(builder: Builder, types: ObjectTypes): void {
  const target = builder.unionType('AttachmentTarget', {
    description: 'What was attached.',
    types: targets.map(({ name }) => types.named(name)),
    resolveType: (value) => nameIn(targets, value),
  })
  builder.objectField(types.known('AttachmentSpec'), 'target', (t) =>
    t.field({
      type: target,
      description: 'What was attached.',
      resolve: (spec): Fields => AttachmentSpec.shape.target.parse(spec['target']),
    }),
  )
  const source = builder.unionType('ImageSource', {
    description: 'Where an image comes from.',
    types: imageSources.map(({ name }) => types.named(name)),
    resolveType: (value) => nameIn(imageSources, value),
  })
  builder.objectField(types.known('ImageSpec'), 'source', (t) =>
    t.field({
      type: source,
      description: 'Where it comes from.',
      resolve: (spec): Fields => ImageSpec.shape.source.parse(spec['source']),
    }),
  )
}

function nameIn(
  members: readonly { readonly name: string; readonly type: string }[],
  value: Fields,
): string | undefined {
  return members.find(({ type }) => type === value['type'])?.name
}

function addLinksOfTargets(builder: Builder, types: ObjectTypes, { of }: KindTypes): void {
  const link = (name: string, field: string, to: KindName, description: string): void =>
    builder.objectField(types.named(name), field, (t) =>
      t.field({
        type: of(to),
        nullable: true,
        description,
        resolve: (target, _, { lookup }) => {
          const uid = target[`${field}Uid`]
          return lookup.reader.find(to, typeof uid === 'string' ? uid : undefined)
        },
      }),
    )
  link('DomainTarget', 'domain', 'Domain', 'The domain.')
  link('DatabaseTarget', 'database', 'Database', 'The database.')
  link('VolumeTarget', 'volume', 'Volume', 'The volume.')
  link('SecretTarget', 'secret', 'Secret', 'The secret.')
}
