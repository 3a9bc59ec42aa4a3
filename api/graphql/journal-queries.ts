import type { JournalRecord } from '@polis/kernel/journal'
import type { InputRef, ObjectRef } from '@pothos/core'
import type { Builder, SchemaTypes } from './builder.ts'
import { type Connections, pageArgs } from './connection.ts'
import { callerOf } from './context.ts'
import { type EventFilter, eventsPage, operationsPage } from './journal-page.ts'
import type { Fields, ObjectTypes } from './object-types.ts'
import type { Page } from './page.ts'

/** Lists of what was asked for and of what happened. */
export function addJournalQueries(
  builder: Builder,
  types: ObjectTypes,
  deps: {
    readonly connections: Connections
    readonly event: ObjectRef<SchemaTypes, JournalRecord>
    readonly eventFilter: InputRef<EventFilter>
  },
): void {
  const operationType = types.named('Operation')
  const operations = deps.connections.add<Fields>('Operation', operationType)
  const events = deps.connections.add('Event', deps.event)
  const args = pageArgs(builder)
  const operationFilter = addOperationFilter(builder, types)
  builder.queryFields((t) => ({
    operation: t.field({
      type: operationType,
      nullable: true,
      description: 'The operation with this id; absent: none that the caller may see.',
      args: { id: t.arg.id({ required: true, description: 'Its id.' }) },
      resolve: (_root, { id }, context): Promise<Fields | undefined> =>
        context.kernel.findOperation(callerOf(context), id),
    }),
    operations: t.field({
      type: operations,
      description: 'What was asked for, newest first.',
      args: {
        ...args,
        filter: t.arg({ type: operationFilter, description: 'Only those that are like this.' }),
      },
      resolve: (_root, { first, after, filter }, context): Promise<Page<Fields>> =>
        operationsPage(context, { first, after: after ?? undefined }, filter ?? {}),
    }),
    events: t.field({
      type: events,
      description: 'What happened, newest first.',
      args: {
        ...args,
        filter: t.arg({ type: deps.eventFilter, description: 'Only those that are like this.' }),
      },
      resolve: (_root, { first, after, filter }, context) =>
        eventsPage(context, { first, after: after ?? undefined }, filter ?? {}),
    }),
  }))
}

// oxlint-disable-next-line typescript/explicit-module-boundary-types -- the library infers the type of an input
function addOperationFilter(builder: Builder, types: ObjectTypes) {
  return builder.inputType('OperationFilter', {
    description: 'Which operations to show. What is absent does not count.',
    fields: (t) => ({
      project: t.string({ description: 'Name of the project they are about.' }),
      requestId: t.string({ description: 'The request that asked for them.' }),
      targetUid: t.id({ description: 'The object they are about.' }),
      status: t.field({ type: types.enumNamed('OperationStatus'), description: 'How they stand.' }),
    }),
  })
}

export function addEventFilter(builder: Builder): InputRef<EventFilter> {
  return builder.inputType('EventFilter', {
    description: 'Which events to show. What is absent does not count.',
    fields: (t) => ({
      project: t.string({ description: 'Name of the project they are about.' }),
      requestId: t.string({ description: 'The request that they came from.' }),
      operationId: t.id({ description: 'The operation that they belong to.' }),
      objectUid: t.id({ description: 'The object they are about.' }),
      type: t.string({
        description: 'This type, or all below it when it ends with a dot: `audit.`.',
      }),
    }),
  })
}
