import type { InstanceLogLine, ObjectChangeNotice } from '@polis/kernel/kernel'
import type { JournalRecord } from '@polis/kernel/journal'
import type { Operation } from '@polis/kernel/operation'
import { PolisError } from '@polis/lib/error'
import { kindNames } from '@polis/resources/registry'
import type { InputRef, ObjectRef } from '@pothos/core'
import { z } from 'zod'
import { inBatches } from './batches.ts'
import { bounded } from './bounded.ts'
import type { Builder, SchemaTypes } from './builder.ts'
import { type ApiContext, callerOf } from './context.ts'
import { guardedStream } from './guarded-stream.ts'
import { type EventFilter, visibleEvents } from './journal-page.ts'
import type { KindTypes } from './kind-types.ts'
import type { Fields, ObjectTypes } from './object-types.ts'
import { projectUidOf } from './project-uid.ts'

/** Changes that are held for a reader of objects. */
const MOST_HELD = 10_000

interface Parts {
  readonly kindTypes: KindTypes
  readonly event: ObjectRef<SchemaTypes, JournalRecord>
  readonly eventFilter: InputRef<EventFilter>
}

/** Everything that can be followed. Each stream ends with the caller's rights. */
export function addSubscriptions(builder: Builder, types: ObjectTypes, parts: Parts): void {
  addOperation(builder, types)
  addEvents(builder, parts)
  addLogs(builder, types)
  addObjects(builder, types, parts)
}

function addOperation(builder: Builder, types: ObjectTypes): void {
  builder.subscriptionField('operation', (t) =>
    t.field({
      type: types.named('Operation'),
      description: 'An operation now and after each change of a step, until it has ended.',
      args: { id: t.arg.id({ required: true, description: 'Its id.' }) },
      subscribe: (_root, { id }, context) => {
        const actor = callerOf(context)
        return guardedStream(context, (signal) => context.kernel.watchOperation(actor, id, signal))
      },
      resolve: (operation: Operation, _args, context): Fields => current(operation, context),
    }),
  )
}

function addEvents(builder: Builder, { event, eventFilter }: Parts): void {
  builder.subscriptionField('events', (t) =>
    t.field({
      type: event,
      description: 'What happens, as it happens.',
      args: {
        filter: t.arg({ type: eventFilter, description: 'Only those that are like this.' }),
        after: t.arg.id({
          description: 'Id of the last event already seen: those since come first.',
        }),
      },
      subscribe: (_root, { filter, after }, context) => {
        const visible = visibleEvents(context, filter ?? {})
        const from = after === undefined || after === null ? {} : { after: toEventId(after) }
        if (visible === undefined) {
          throw new PolisError('PermissionDenied', 'you have no role in any project', {
            hint: 'ask an administrator: polis role grant',
          })
        }
        return guardedStream(context, (signal) =>
          context.kernel.journal.watch({ filter: visible, ...from }, signal),
        )
      },
      resolve: (record: JournalRecord, _args, context) => current(record, context),
    }),
  )
}

function addLogs(builder: Builder, types: ObjectTypes): void {
  const line = builder.objectRef<InstanceLogLine>('LogLine').implement({
    description: 'One line that a program wrote.',
    fields: (t) => ({
      at: t.exposeString('at', {
        description: 'When, as ISO 8601 text with as many decimals as the engine gives.',
      }),
      serviceName: t.exposeString('serviceName', { description: 'Compose name of the service.' }),
      slot: t.exposeInt('slot', { description: 'Which of its tasks.' }),
      taskUid: t.id({ description: 'Uid of that task.', resolve: ({ uid }) => uid }),
      source: t.field({
        type: types.enumNamed('LogSource'),
        description: 'Where it was written.',
        resolve: ({ source }) => source,
      }),
      text: t.exposeString('text', { description: 'The line without its end.' }),
    }),
  })
  builder.subscriptionField('logs', (t) =>
    t.field({
      type: [line],
      description:
        'Lines that an instance wrote, oldest first; those close together come together.',
      args: {
        project: t.arg.string({
          required: true,
          defaultValue: 'default',
          description: 'Name of the project.',
        }),
        instance: t.arg.string({ required: true, description: 'Name of the instance.' }),
        service: t.arg.string({ description: 'Only this service.' }),
        follow: t.arg.boolean({
          required: true,
          defaultValue: true,
          description: 'False: the stream ends with the last line there is.',
        }),
        tail: t.arg.int({
          required: true,
          defaultValue: 100,
          description: 'How many of the last lines of each task to begin with.',
        }),
        since: t.arg({ type: 'DateTime', description: 'Nothing older.' }),
      },
      subscribe: (_root, args, context) => {
        const actor = callerOf(context)
        const query = {
          instanceUid: instanceUidOf(context, args.project, args.instance),
          follow: args.follow,
          tail: args.tail,
          ...(args.service === undefined || args.service === null
            ? {}
            : { serviceName: args.service }),
          ...(args.since === undefined || args.since === null ? {} : { since: args.since }),
        }
        return guardedStream(context, (signal) =>
          inBatches(context.kernel.logs(actor, query, signal), {
            clock: context.clock,
            withinMs: 25,
            mostItems: 500,
            signal,
          }),
        )
      },
      resolve: (lines: readonly InstanceLogLine[]) => lines,
    }),
  )
}

function addObjects(builder: Builder, types: ObjectTypes, { kindTypes }: Parts): void {
  const change = builder.objectRef<ObjectChangeNotice>('ObjectChange').implement({
    description: 'An object that came, changed or went.',
    fields: (t) => ({
      type: t.field({
        type: types.enumNamed('ChangeType'),
        description: 'What became of it.',
        resolve: ({ type }) => type,
      }),
      object: t.field({
        type: kindTypes.resource,
        description: 'The object as it is, or as it last was.',
        resolve: ({ object }) => object,
      }),
    }),
  })
  builder.subscriptionField('objects', (t) =>
    t.field({
      type: change,
      description:
        'Every change of objects that the caller may see. Open it first and read the lists then, and nothing is missed.',
      args: {
        kinds: t.arg({
          type: [types.enumNamed('Kind')],
          description: 'Only these kinds; absent: all.',
        }),
        project: t.arg.string({ description: 'Only objects of this project.' }),
      },
      subscribe: (_root, { kinds, project }, context) => {
        const actor = callerOf(context)
        const wanted = kindNames.filter((kind) => kinds?.includes(kind) ?? true)
        const projectUid =
          project === undefined || project === null
            ? undefined
            : projectUidOf(context.lookup, project, 'project')
        return guardedStream(context, (signal) =>
          bounded(inProject(context.kernel.watch(actor, wanted, signal), projectUid), MOST_HELD),
        )
      },
      resolve: (notice: ObjectChangeNotice, _args, context) => current(notice, context),
    }),
  )
}

/** What was looked up for the last item of a stream may have changed since. */
function current<Item>(item: Item, { lookup }: ApiContext): Item {
  lookup.forget()
  return item
}

async function* inProject(
  notices: AsyncIterable<ObjectChangeNotice>,
  projectUid: string | undefined,
): AsyncGenerator<ObjectChangeNotice, void, undefined> {
  for await (const notice of notices) {
    const isWanted = projectUid === undefined || notice.object.metadata.projectUid === projectUid
    if (isWanted) yield notice
  }
}

function toEventId(text: string): number {
  const parsed = z.coerce.number().pipe(z.int().nonnegative()).safeParse(text)
  if (parsed.success) return parsed.data
  throw new PolisError('InvalidArgument', 'this is not the id of an event', { path: 'after' })
}

function instanceUidOf({ lookup }: ApiContext, project: string, name: string): string {
  const projectUid = projectUidOf(lookup, project, 'project')
  const instance = lookup.reader.findByName('Instance', projectUid, name)
  if (instance !== undefined) return instance.metadata.uid
  throw new PolisError('NotFound', `there is no instance ${JSON.stringify(name)}`, {
    path: 'instance',
    hint: 'the query `instances` lists those you may see',
  })
}
