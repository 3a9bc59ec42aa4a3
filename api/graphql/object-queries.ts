import { isReady } from '@polis/resources/object'
import { type KindName, kindNames, kinds, type PolisObject } from '@polis/resources/registry'
import { type ApiContext, callerOf, type Lookup } from './context.ts'
import type { Builder } from './builder.ts'
import { type Connections, pageArgs } from './connection.ts'
import type { KindTypes } from './kind-types.ts'
import { pageOf } from './page.ts'
import { projectUidOf } from './project-uid.ts'

/** In GraphQL what is not asked for may be absent or null. */
interface Filter {
  readonly project?: string | null | undefined
  readonly name?: string | null | undefined
  readonly search?: string | null | undefined
  readonly ownerUid?: string | null | undefined
  readonly isReady?: boolean | null | undefined
}

/** For each kind a list and a look-up by name; and one look-up by uid for them all. */
export function addObjectQueries(
  builder: Builder,
  kindTypes: KindTypes,
  connections: Connections,
): void {
  const filter = addFilter(builder)
  const args = pageArgs(builder)
  for (const kind of kindNames) {
    const connection = connections.add(kind, kindTypes.of(kind))
    builder.queryField(listName(kind), (t) =>
      t.field({
        type: connection,
        description: `All ${kinds[kind].plural} that the caller may see, by name.`,
        args: {
          ...args,
          filter: t.arg({ type: filter, description: 'Only those for which all of this is true.' }),
        },
        resolve: (_root, { first, after, filter: wanted }, context) =>
          pageOf(select(signedIn(context).reader.list(kind), wanted ?? {}, context.lookup), {
            first,
            after: after ?? undefined,
          }),
      }),
    )
    addLookUp(builder, kindTypes, kind)
  }
  builder.queryField('resource', (t) =>
    t.field({
      type: kindTypes.resource,
      nullable: true,
      description:
        'The object with this uid, of whatever kind; absent: none that the caller may see.',
      args: { uid: t.arg.id({ required: true, description: 'Its uid.' }) },
      resolve: (_root, { uid }, context) => signedIn(context).findAny(uid),
    }),
  )
}

/** `roleBindings` for RoleBinding. */
function listName(kind: KindName): string {
  const words = kinds[kind].plural.split(' ')
  return words.map((word, at) => (at === 0 ? word : upperFirst(word))).join('')
}

function addLookUp(builder: Builder, kindTypes: KindTypes, kind: KindName): void {
  const isInProject = kinds[kind].scope === 'project'
  builder.queryField(`${kind.charAt(0).toLowerCase()}${kind.slice(1)}`, (t) =>
    t.field({
      type: kindTypes.of(kind),
      nullable: true,
      description: `The ${kind} of this name; absent: none that the caller may see.`,
      args: {
        name: t.arg.string({ required: true, description: 'Its name.' }),
        ...(isInProject
          ? {
              project: t.arg.string({
                required: true,
                defaultValue: 'default',
                description: 'Name of its project.',
              }),
            }
          : {}),
      },
      resolve: (_root, args, context) => {
        const lookup = signedIn(context)
        const project: unknown = Reflect.get(args, 'project')
        return lookup.reader.findByName(
          kind,
          typeof project === 'string' ? projectUidOf(lookup, project, 'project') : undefined,
          args.name,
        )
      },
    }),
  )
}

function upperFirst(word: string): string {
  return `${word.charAt(0).toUpperCase()}${word.slice(1)}`
}

// oxlint-disable-next-line typescript/explicit-module-boundary-types -- the library infers the type of an input
function addFilter(builder: Builder) {
  return builder.inputType('ResourceFilter', {
    description: 'Which objects of a list to show. What is absent does not count.',
    fields: (t) => ({
      project: t.string({ description: 'Name of the project they are in.' }),
      name: t.string({ description: 'Exactly this name.' }),
      search: t.string({ description: 'A part of the name.' }),
      ownerUid: t.id({ description: 'The object they live and die with.' }),
      isReady: t.boolean({ description: 'Whether their newest spec holds.' }),
    }),
  })
}

/** The look-up of a caller who is signed in. */
function signedIn(context: ApiContext): Lookup {
  callerOf(context)
  return context.lookup
}

function select<Item extends PolisObject>(
  objects: readonly Item[],
  filter: Filter,
  lookup: Lookup,
): readonly Item[] {
  const project = filter.project ?? undefined
  const projectUid =
    project === undefined ? undefined : projectUidOf(lookup, project, 'filter.project')
  return objects.filter(
    (object) =>
      isWanted(projectUid, object.metadata.projectUid) &&
      isWanted(filter.name, object.metadata.name) &&
      isWanted(filter.ownerUid, object.metadata.ownerUid) &&
      isWanted(filter.isReady, isReady(object)) &&
      object.metadata.name.includes(filter.search ?? ''),
  )
}

function isWanted<Value>(wanted: Value | null | undefined, found: Value | undefined): boolean {
  return wanted === undefined || wanted === null || wanted === found
}
