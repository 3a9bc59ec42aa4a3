import { readFile } from 'node:fs/promises'
import { PolisError } from '@polis/lib/error'
import type { Command } from 'commander'
import { Client, type Installation } from '../client/client.ts'
import { type Contexts, contextsPath, readContexts, writeContexts } from '../client/contexts.ts'
import { SignIn, SignInWithLink, SignOut } from '../documents/sessions.ts'
import { readSecret } from '../input.ts'
import type { Session, Shell } from '../shell.ts'
import { examples } from './options.ts'

/** The installations this user knows, and signing in to them. */
export function addContext(program: Command, shell: Shell): void {
  const noun = program.command('context').description('Installations that this shell knows.')
  const ls = noun
    .command('ls')
    .description('List them.')
    .action(() => shell.run(ls, list))
  examples(ls, 'polis context ls')
  const add = noun
    .command('add')
    .description('Add an installation, or change one. The first becomes the current one.')
    .argument('<name>', 'what you call it')
    .argument('<url>', 'where it is')
    .option('--ca <file>', 'its certificate authority, as PEM')
    .action((name: string, url: string, { ca }: { readonly ca?: string }) =>
      shell.run(add, async (session) => {
        const certificateAuthority = ca === undefined ? undefined : await readPem(ca)
        await save(session, (contexts) => {
          const before = contexts.installations[name]
          const token = before?.url === url ? before.token : undefined
          const installation = { url: toUrl(url), token, certificateAuthority }
          return {
            current: contexts.current ?? name,
            installations: { ...contexts.installations, [name]: installation },
          }
        })
      }),
    )
  examples(
    add,
    'polis context add home http://127.0.0.1:4750',
    'polis context add work https://polis.example --ca ca.pem',
  )
  const use = noun
    .command('use')
    .description('Make one the current one.')
    .argument('<name>', 'its name')
    .action((name: string) =>
      shell.run(use, (session) =>
        save(session, (contexts) => ({ ...contexts, current: known(contexts, name) })),
      ),
    )
  examples(use, 'polis context use work')
  const remove = noun
    .command('remove')
    .description('Forget one, and its token.')
    .argument('<name>', 'its name')
    .action((name: string) =>
      shell.run(remove, (session) =>
        save(session, (contexts) => {
          const { [known(contexts, name)]: _, ...installations } = contexts.installations
          const current =
            contexts.current === name ? Object.keys(installations)[0] : contexts.current
          return { current, installations }
        }),
      ),
    )
  examples(remove, 'polis context remove work')
}

async function list({ deps, printer }: Session): Promise<void> {
  const { current, installations } = await readContexts(contextsPath(deps.env))
  const rows = Object.entries(installations).map(([name, { url, token }]) => ({
    name,
    url,
    isCurrent: name === current,
    isSignedIn: token !== undefined,
  }))
  const columns = [
    { title: '', text: (row: (typeof rows)[number]) => (row.isCurrent ? '*' : '') },
    { title: 'NAME', text: (row: (typeof rows)[number]) => row.name },
    { title: 'URL', text: (row: (typeof rows)[number]) => row.url },
    { title: 'SIGNED IN', text: (row: (typeof rows)[number]) => (row.isSignedIn ? 'yes' : 'no') },
  ]
  printer.list(rows, columns, 'none; add one with `polis context add NAME URL`')
}

async function save({ deps }: Session, decide: (contexts: Contexts) => Contexts): Promise<void> {
  const path = contextsPath(deps.env)
  await writeContexts(path, decide(await readContexts(path)))
}

function known({ installations }: Contexts, name: string): string {
  if (installations[name] !== undefined) return name
  throw new PolisError('NotFound', `there is no context ${JSON.stringify(name)}`, {
    path: 'name',
    hint: 'polis context ls',
  })
}

function toUrl(text: string): string {
  const url = URL.parse(text)
  if (url !== null && /^https?:$/.test(url.protocol)) return url.origin
  throw new PolisError(
    'InvalidArgument',
    `${JSON.stringify(text)} is no address of an installation`,
    {
      path: 'url',
      hint: 'write http://HOST:PORT or https://HOST',
    },
  )
}

async function readPem(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    throw new PolisError('NotFound', `${path} cannot be read`, { path, cause })
  }
}

interface SignInOptions {
  readonly context?: string
  readonly user?: string
  readonly url?: string
}

export function addSignIn(program: Command, shell: Shell): void {
  const signIn = program
    .command('sign-in')
    .description(
      'Sign in with a one-time link, or by name and password. Either is asked for, or read from standard input.',
    )
    .option('-u, --user <name>', 'sign in by name and password')
    .option('--url <url>', 'where the installation is, when no context knows it')
    .action((options: SignInOptions) =>
      shell.run(signIn, (session) =>
        openSession(session, signIn.optsWithGlobals<SignInOptions>(), options),
      ),
    )
  examples(
    signIn,
    'polis sign-in',
    'polis sign-in --user ann',
    'polis sign-in --user ann < password.txt',
  )
  const signOut = program
    .command('sign-out')
    .description('End the session of this shell.')
    .option('--everywhere', 'all sessions of the user')
    .action(({ everywhere = false }: { readonly everywhere?: boolean }) =>
      shell.run(signOut, async (session) => {
        await (await session.client()).ask(SignOut, { everywhere })
        const { context } = signOut.optsWithGlobals<SignInOptions>()
        await save(session, (contexts) =>
          withToken(contexts, context ?? contexts.current, undefined),
        )
      }),
    )
  examples(signOut, 'polis sign-out', 'polis sign-out --everywhere')
}

async function openSession(
  session: Session,
  { context }: SignInOptions,
  { user, url }: SignInOptions,
): Promise<void> {
  const { deps, printer } = session
  const contexts = await readContexts(contextsPath(deps.env))
  const secret = await readSecret(deps, user === undefined ? 'Sign-in link: ' : 'Password: ')
  const link = user === undefined ? URL.parse(secret) : null
  const name = context ?? contexts.current ?? 'default'
  const before = contexts.installations[name]
  const address = link?.origin ?? url ?? before?.url ?? deps.env['POLIS_URL']
  if (address === undefined) {
    throw new PolisError('FailedPrecondition', 'no installation of Polis is known here', {
      hint: 'add --url URL',
    })
  }
  const installation: Installation = {
    url: toUrl(address),
    certificateAuthority: before?.certificateAuthority,
  }
  const { clock, version, signal } = deps
  const client = new Client({ installation, clock, version, signal })
  const { session: opened } =
    user === undefined
      ? await client.ask(SignInWithLink, { token: link?.searchParams.get('token') ?? secret })
      : await client.ask(SignIn, { name: user, password: secret })
  const token = opened.token ?? undefined
  await save(session, (current) =>
    withToken(
      {
        current: current.current ?? name,
        installations: { ...current.installations, [name]: installation },
      },
      name,
      token,
    ),
  )
  const { expiresAt } = opened
  printer.result(
    { context: name, url: installation.url, expiresAt },
    () => `signed in to ${installation.url} until ${expiresAt}`,
  )
}

function withToken(
  contexts: Contexts,
  name: string | undefined,
  token: string | undefined,
): Contexts {
  const installation = name === undefined ? undefined : contexts.installations[name]
  if (name === undefined || installation === undefined) return contexts
  return {
    ...contexts,
    installations: { ...contexts.installations, [name]: { ...installation, token } },
  }
}
