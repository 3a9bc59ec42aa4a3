import { Argument, type Command, Option } from 'commander'
import { change, type ChangeOptions } from '../change.ts'
import {
  CreateUser,
  GrantRole,
  RemoveUser,
  RevokeRole,
  RevokeToken,
  SetUserBlocked,
  SetUserPassword,
} from '../documents/changes.ts'
import { TokenList, UserFind, UserList } from '../documents/people.ts'
import { CreateApiToken, CreateSignInToken } from '../documents/sessions.ts'
import type { ResultOf, VariablesOf } from '../graphql.ts'
import { readSecret } from '../input.ts'
import { toAge } from '../output/units.ts'
import type { Shell } from '../shell.ts'
import { addNamedChange } from './change-command.ts'
import { addLs, addShow, type Listing } from './listing.ts'
import { changing, examples, parseCount } from './options.ts'

type User = ResultOf<typeof UserList>['page']['nodes'][number]
type Token = ResultOf<typeof TokenList>['page']['nodes'][number]
type Role = VariablesOf<typeof GrantRole>['input']['role']

const ROLES: readonly Role[] = ['administrator', 'operator', 'viewer']

const users: Listing<User> = {
  plural: 'users',
  list: UserList,
  ifEmpty: 'no user that you may see',
  isInProject: false,
  columns: (now) => [
    { title: 'NAME', text: ({ name }) => name },
    { title: 'DISPLAY NAME', text: ({ spec }) => spec.displayName ?? '' },
    { title: 'ROLES', text: ({ roleBindings }) => roleBindings.map(roleText).join(', ') },
    { title: 'STATE', text: ({ spec }) => (spec.isBlocked ? 'blocked' : 'active') },
    { title: 'AGE', text: ({ createdAt }) => toAge(createdAt, now) },
  ],
}

const tokens: Listing<Token> = {
  plural: 'tokens; their texts are shown to nobody',
  list: TokenList,
  ifEmpty: 'no token that you may see',
  isInProject: false,
  columns: (now) => [
    { title: 'NAME', text: ({ name }) => name },
    { title: 'FOR', text: ({ spec }) => spec.purpose },
    { title: 'USER', text: ({ user }) => user?.name ?? '' },
    { title: 'AT MOST', text: ({ spec }) => spec.scope },
    { title: 'PROJECT', text: ({ inProject }) => inProject?.name ?? '' },
    { title: 'EXPIRES', text: ({ spec }) => spec.expiresAt },
    { title: 'AGE', text: ({ createdAt }) => toAge(createdAt, now) },
  ],
}

function roleText({ spec, inProject }: User['roleBindings'][number]): string {
  return inProject === null ? spec.role : `${spec.role} in ${inProject.name}`
}

export function addUser(program: Command, shell: Shell): void {
  const noun = program.command('user').description('People and programs that sign in.')
  addLs(noun, shell, users)
  addShow(noun, shell, users, UserFind)
  const create = changing(noun.command('create'))
    .description('Make a user; it may do nothing until it is granted a role.')
    .argument('<name>', 'name to sign in with')
    .option('--display-name <text>', 'name for people')
    .option('--password', 'give it a password: asked for, or read from standard input')
    .action((name: string, options: UserOptions) =>
      shell.run(create, async (session) => {
        const { displayName, password: wantsPassword = false } = options
        const password = wantsPassword ? await readSecret(session.deps, 'Password: ') : undefined
        const input = {
          name,
          ...(displayName === undefined ? {} : { displayName }),
          ...(password === undefined ? {} : { password }),
        }
        await change(session, CreateUser, input, options)
      }),
    )
  examples(create, 'polis user create ann --display-name "Ann Lee" --password')
  const password = changing(noun.command('password'))
    .description('Give a user a new password: asked for, or read from standard input.')
    .argument('<name>', 'its name')
    .action((name: string, options: ChangeOptions) =>
      shell.run(password, async (session) => {
        const input = { name, password: await readSecret(session.deps, 'Password: ') }
        await change(session, SetUserPassword, input, options)
      }),
    )
  examples(password, 'polis user password ann', 'polis user password ann < password.txt')
  const link = noun
    .command('link')
    .description('Make a one-time sign-in link.')
    .argument('<name>', 'name of the user')
    .action((user: string) =>
      shell.run(link, async (session) => {
        const client = await session.client()
        const { made } = await client.ask(CreateSignInToken, { user })
        const url = `${client.url.replace(/\/$/, '')}/sign-in?token=${made.text}`
        session.printer.result({ url, expiresAt: made.expiresAt }, () => url)
      }),
    )
  examples(link, 'polis user link ann')
  for (const isBlocked of [true, false]) {
    addNamedChange(noun, shell, {
      name: isBlocked ? 'block' : 'unblock',
      description: isBlocked ? 'Refuse every request of a user, at once.' : 'Let a user in again.',
      document: SetUserBlocked,
      isInProject: false,
      input: (name) => ({ name, isBlocked }),
    })
  }
  addNamedChange(noun, shell, {
    name: 'remove',
    description: 'Remove a user.',
    document: RemoveUser,
    isInProject: false,
    input: (name) => ({ name }),
  })
}

interface UserOptions extends ChangeOptions {
  readonly displayName?: string
  readonly password?: boolean
}

export function addRole(program: Command, shell: Shell): void {
  const noun = program.command('role').description('What users may do; `polis user ls` shows it.')
  const grant = changing(noun.command('grant'))
    .description('Give a user a role, in place of the one it had there.')
    .argument('<user>', 'name of the user')
    .addArgument(new Argument('<role>', 'the role').choices(ROLES))
    .option('-p, --project <name>', 'in this project; absent: everywhere')
    .action((user: string, role: Role, options: RoleOptions) =>
      shell.run(grant, (session) =>
        change(session, GrantRole, { user, role, ...where(options) }, options),
      ),
    )
  examples(
    grant,
    'polis role grant ann operator --project shop',
    'polis role grant ann administrator',
  )
  const revoke = changing(noun.command('revoke'))
    .description('Take a role from a user.')
    .argument('<user>', 'name of the user')
    .option('-p, --project <name>', 'in this project; absent: the one that holds everywhere')
    .action((user: string, options: RoleOptions) =>
      shell.run(revoke, (session) =>
        change(session, RevokeRole, { user, ...where(options) }, options),
      ),
    )
  examples(revoke, 'polis role revoke ann --project shop')
}

interface RoleOptions extends ChangeOptions {
  readonly project?: string
}

function where({ project }: RoleOptions): { readonly project?: string } {
  return project === undefined ? {} : { project }
}

interface TokenOptions extends RoleOptions {
  readonly scope: Role
  readonly days: number
}

export function addToken(program: Command, shell: Shell): void {
  const noun = program.command('token').description('What lets programs in.')
  addLs(noun, shell, tokens)
  const create = noun
    .command('create')
    .description('Make a token with your rights or fewer, and print it this once.')
    .argument('<name>', 'what it is called in lists')
    .addOption(new Option('--scope <role>', 'the most it may do').choices(ROLES).default('viewer'))
    .option('-p, --project <name>', 'only in this project')
    .option('--days <count>', 'how long it holds', parseCount, 90)
    .action((name: string, options: TokenOptions) =>
      shell.run(create, async (session) => {
        const { scope, days } = options
        const client = await session.client()
        const { made } = await client.ask(CreateApiToken, { name, scope, days, ...where(options) })
        session.printer.result(made, () => made.text)
      }),
    )
  examples(create, 'polis token create ci --scope operator --project shop --days 30')
  addNamedChange(noun, shell, {
    name: 'revoke',
    description: 'Make a token worthless at once.',
    document: RevokeToken,
    isInProject: false,
    input: (name) => ({ name }),
  })
}
