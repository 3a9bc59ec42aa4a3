import type { NewToken, SignedIn } from '@polis/kernel/kernel'
import { ROLES } from '@polis/resources/role-binding'
import { z } from 'zod'
import type { Builder } from './builder.ts'
import { type ApiContext, callerOf } from './context.ts'
import type { Fields, ObjectTypes } from './object-types.ts'

interface Session extends SignedIn {
  readonly isShown: boolean
}

/** Signing in and out, tokens, and taking an operation back. */
export function addSessionMutations(builder: Builder, types: ObjectTypes): void {
  const session = addSession(builder)
  const newToken = addNewToken(builder)
  const asCookie = {
    description:
      'True: the session goes into a cookie that scripts cannot read. False: its token is in the answer.',
  }
  builder.mutationFields((t) => ({
    signIn: t.field({
      type: session,
      description: 'Signs a user in by name and password.',
      args: {
        name: t.arg.string({ required: true, description: 'Name of the user.' }),
        password: t.arg.string({ required: true, description: 'Its password.' }),
        asCookie: t.arg.boolean({ required: true, defaultValue: true, ...asCookie }),
      },
      resolve: async (_root, { name, password, asCookie: wantsCookie }, context) =>
        opened(
          context,
          await context.kernel.signIn(name, password, context.clientAddress),
          wantsCookie,
        ),
    }),
    signInWithLink: t.field({
      type: session,
      description: 'Signs a user in by the token of a one-time link.',
      args: {
        token: t.arg.string({ required: true, description: 'The token of the link.' }),
        asCookie: t.arg.boolean({ required: true, defaultValue: true, ...asCookie }),
      },
      resolve: async (_root, { token, asCookie: wantsCookie }, context) =>
        opened(
          context,
          await context.kernel.signInWithLink(token, context.clientAddress),
          wantsCookie,
        ),
    }),
    signOut: t.boolean({
      description: 'Ends the session; always true.',
      args: {
        everywhere: t.arg.boolean({
          required: true,
          defaultValue: false,
          description: 'True: all sessions of the user.',
        }),
      },
      resolve: async (_root, { everywhere }, context) => {
        await context.kernel.signOut(callerOf(context), everywhere)
        context.setSession(undefined)
        return true
      },
    }),
    createSignInToken: t.field({
      type: newToken,
      description: 'Makes the token of a one-time sign-in link: `/sign-in?token=…`.',
      args: { user: t.arg.string({ required: true, description: 'Name of the user.' }) },
      resolve: (_root, { user }, context) =>
        context.kernel.createSignInToken(callerOf(context), user),
    }),
    createApiToken: t.field({
      type: newToken,
      description: 'Makes a token for a program, with the rights of the caller or fewer.',
      args: {
        name: t.arg.string({ required: true, description: 'What it is called in lists.' }),
        scope: t.arg({
          type: types.enumNamed('Role'),
          required: true,
          description: 'The most it may do.',
        }),
        project: t.arg.string({ description: 'Only in this project.' }),
        days: t.arg.int({
          required: true,
          defaultValue: 90,
          description: 'How many days it holds.',
        }),
      },
      resolve: (_root, { name, scope, project, days }, context) =>
        context.kernel.createApiToken(callerOf(context), {
          name,
          scope: z.enum(ROLES).parse(scope),
          days,
          ...(project === undefined || project === null ? {} : { project }),
        }),
    }),
    createJoinToken: t.field({
      type: newToken,
      description: 'Makes the text that lets a node enrol.',
      args: {
        hours: t.arg.int({ required: true, defaultValue: 1, description: 'How long it holds.' }),
        uses: t.arg.int({ required: true, defaultValue: 1, description: 'For how many nodes.' }),
      },
      resolve: (_root, { hours, uses }, context) =>
        context.kernel.createJoinToken(callerOf(context), { hours, uses }),
    }),
    cancelOperation: t.field({
      type: types.named('Operation'),
      description:
        'Takes an operation back where that is possible; what it did already is not undone.',
      args: { id: t.arg.id({ required: true, description: 'Its id.' }) },
      resolve: (_root, { id }, context): Promise<Fields> =>
        context.kernel.cancelOperation(callerOf(context), id),
    }),
  }))
}

function opened(context: ApiContext, signedIn: SignedIn, wantsCookie: boolean): Session {
  if (wantsCookie) context.setSession(signedIn)
  return { ...signedIn, isShown: !wantsCookie }
}

// oxlint-disable-next-line typescript/explicit-module-boundary-types -- the library infers the type of an object
function addSession(builder: Builder) {
  return builder.objectRef<Session>('Session').implement({
    description: 'A session that was opened.',
    fields: (t) => ({
      expiresAt: t.field({
        type: 'DateTime',
        description: 'When it ends.',
        resolve: ({ expiresAt }) => expiresAt.toISOString(),
      }),
      token: t.string({
        nullable: true,
        description: 'What to send as `Authorization: Bearer`; absent when it is in a cookie.',
        resolve: ({ isShown, sessionToken }) => (isShown ? sessionToken : undefined),
      }),
    }),
  })
}

// oxlint-disable-next-line typescript/explicit-module-boundary-types -- the library infers the type of an object
function addNewToken(builder: Builder) {
  return builder.objectRef<NewToken>('NewToken').implement({
    description: 'A token that was just made.',
    fields: (t) => ({
      name: t.exposeString('name', { description: 'What it is called in lists.' }),
      text: t.exposeString('text', { description: 'The token; shown this once, kept nowhere.' }),
      expiresAt: t.field({
        type: 'DateTime',
        description: 'When it ends.',
        resolve: ({ expiresAt }) => expiresAt.toISOString(),
      }),
    }),
  })
}
