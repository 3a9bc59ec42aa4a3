import type { Actor, InstallationCondition } from '@polis/kernel/kernel'
import type { Builder } from './builder.ts'
import { type ApiContext, callerOf } from './context.ts'
import type { KindTypes } from './kind-types.ts'
import { byName } from './links.ts'
import type { ObjectTypes } from './object-types.ts'

/** What there is to know about the installation as a whole and about the caller. */
export function addInstallationQueries(
  builder: Builder,
  types: ObjectTypes,
  kindTypes: KindTypes,
): void {
  const condition = addCondition(builder, types)
  const installation = builder.objectRef<ApiContext>('Installation').implement({
    description: 'One running Polis.',
    fields: (t) => ({
      uid: t.id({ description: 'Its identity.', resolve: ({ kernel }) => kernel.installationUid }),
      version: t.string({ description: 'Version of Polis.', resolve: ({ version }) => version }),
      url: t.string({ description: 'Where it was asked.', resolve: ({ origin }) => origin }),
      isReady: t.boolean({
        description: 'Whether its store is loaded and its controllers run.',
        resolve: ({ kernel }) => kernel.isReady(),
      }),
      nodes: t.field({
        type: [kindTypes.of('Node')],
        description: 'Its servers.',
        resolve: ({ lookup }) => byName(lookup.reader.list('Node')),
      }),
      conditions: t.field({
        type: [condition],
        description: 'What is wrong with it at present; empty: nothing that it knows of.',
        resolve: (context) => context.kernel.conditions(callerOf(context)),
      }),
    }),
  })
  const me = addCaller(builder, types, kindTypes)
  builder.queryFields((t) => ({
    installation: t.field({
      type: installation,
      description: 'The installation that answers.',
      resolve: (_root, _args, context) => {
        callerOf(context)
        return context
      },
    }),
    me: t.field({
      type: me,
      nullable: true,
      description: 'Who asks; absent: nobody is signed in.',
      resolve: (_root, _args, { actor }) => actor,
    }),
  }))
}

// oxlint-disable-next-line typescript/explicit-module-boundary-types -- the library infers the type of an object
function addCondition(builder: Builder, types: ObjectTypes) {
  return builder.objectRef<InstallationCondition>('InstallationCondition').implement({
    description: 'Something that is wrong, and what a person can do about it.',
    fields: (t) => ({
      objectKind: t.field({
        type: types.enumNamed('Kind'),
        description: 'Kind of the object that has it.',
        resolve: ({ objectKind }) => objectKind,
      }),
      objectName: t.exposeString('objectName', { description: 'Name of that object.' }),
      reason: t.exposeString('reason', { description: 'One CamelCase word for programs.' }),
      message: t.exposeString('message', { description: 'What is wrong, for people.' }),
      remedy: t.exposeString('remedy', { nullable: true, description: 'What to do about it.' }),
    }),
  })
}

// oxlint-disable-next-line typescript/explicit-module-boundary-types -- the library infers the type of an object
function addCaller(builder: Builder, types: ObjectTypes, { of }: KindTypes) {
  return builder.objectRef<Actor>('Caller').implement({
    description: 'Who asks.',
    fields: (t) => ({
      name: t.exposeString('name', { description: 'Name of the user or part of Polis.' }),
      user: t.field({
        type: of('User'),
        nullable: true,
        description: 'The user, when it may see itself.',
        resolve: ({ userUid }, _, { lookup }) => lookup.reader.find('User', userUid),
      }),
      tokenUid: t.exposeID('tokenUid', { nullable: true, description: 'The token it showed.' }),
      role: t.field({
        type: types.enumNamed('Role'),
        nullable: true,
        description: 'Its role in the installation as a whole.',
        resolve: (actor) => actor.roleIn(undefined),
      }),
    }),
  })
}
