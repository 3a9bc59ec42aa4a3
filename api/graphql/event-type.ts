import type { JournalRecord } from '@polis/kernel/journal'
import { toJson } from '@polis/lib/json'
import type { ObjectRef } from '@pothos/core'
import type { Builder, SchemaTypes } from './builder.ts'
import type { KindTypes } from './kind-types.ts'
import type { ObjectTypes } from './object-types.ts'

/** One record of the journal. */
export function addEventType(
  builder: Builder,
  types: ObjectTypes,
  { of, resource }: KindTypes,
): ObjectRef<SchemaTypes, JournalRecord> {
  return builder.objectRef<JournalRecord>('Event').implement({
    description: 'Something that happened.',
    fields: (t) => ({
      id: t.id({
        description: 'Grows with every event, and is never given again.',
        resolve: ({ id }) => String(id),
      }),
      at: t.field({
        type: 'DateTime',
        description: 'When it happened.',
        resolve: ({ at }) => at.toISOString(),
      }),
      type: t.exposeString('type', {
        description: 'Dotted, from the general to the special: `operation.step`, `audit.sign-in`.',
      }),
      level: t.field({
        type: types.enumNamed('Level'),
        description: 'How much it matters.',
        resolve: ({ level }) => level,
      }),
      message: t.exposeString('message', { description: 'What happened, for people.' }),
      requestId: t.exposeString('requestId', {
        nullable: true,
        description: 'The request that it came from.',
      }),
      operationId: t.exposeString('operationId', {
        nullable: true,
        description: 'The operation that it belongs to.',
      }),
      project: t.field({
        type: of('Project'),
        nullable: true,
        description: 'The project it is about.',
        resolve: ({ project }, _, { lookup }) => lookup.reader.find('Project', project),
      }),
      objectUid: t.exposeString('objectUid', {
        nullable: true,
        description: 'Uid of the object it is about.',
      }),
      objectKind: t.exposeString('objectKind', {
        nullable: true,
        description: 'Kind of the object it is about.',
      }),
      object: t.field({
        type: resource,
        nullable: true,
        description: 'The object it is about, while that exists.',
        resolve: ({ objectUid }, _, { lookup }) => lookup.findAny(objectUid),
      }),
      actor: t.exposeString('actor', {
        nullable: true,
        description: 'The acting user or part of Polis.',
      }),
      fields: t.field({
        type: 'JSON',
        description: 'More about it, by its type.',
        resolve: ({ fields }) => toJson(fields),
      }),
    }),
  })
}
