import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openPolisApi, type PolisApi } from '@polis/test/polis-api'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import type { Command } from 'commander'
import { createProgram } from './program.ts'
import { runShell, type Ran, type RunOptions } from './test-shell.ts'

let api: PolisApi
let home: string

beforeAll(async () => {
  api = await openPolisApi()
})
afterAll(() => api[Symbol.asyncDispose]())
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'polis-home-'))
})
afterEach(() => rm(home, { recursive: true }))

function run(line: string, options: RunOptions = {}): Promise<Ran> {
  return runShell(line, { ...options, env: { HOME: home, ...options.env } })
}

function fileOf(): string {
  return join(home, '.config', 'polis', 'contexts.json')
}

test('contexts are added, chosen and forgotten, in a file for this user alone', async () => {
  expect((await run('context ls')).stdout).toContain('polis context add')
  await run(`context add home ${api.url}`)
  await run('context add work https://polis.example')
  expect((await stat(fileOf())).mode & 0o777).toBe(0o600)
  await run('context use work')
  expect(JSON.parse((await run('context ls -o json')).stdout)).toEqual([
    { name: 'home', url: api.url, isCurrent: false, isSignedIn: false },
    { name: 'work', url: 'https://polis.example', isCurrent: true, isSignedIn: false },
  ])
  await run('context remove work')
  expect((await run('context ls')).stdout).toMatch(/^ +NAME .*\n\* +home/)
  expect((await run('context use nothing')).stderr).toContain('error[NotFound]')
  expect((await run('context add x ftp://nowhere')).stderr).toContain('error[InvalidArgument] url')
  await writeFile(fileOf(), 'broken')
  expect((await run('status')).stderr).toContain('is not a file of contexts')
})

test('signing in by link keeps the session, signing out ends it', async () => {
  const made = await api.kernel.createSignInToken({} as never, 'root')
  const link = `${api.url}/sign-in?token=${made.text}`
  const { code, stdout } = await run('sign-in', { stdin: `${link}\n` })
  expect(code).toBe(0)
  expect(stdout).toContain(`signed in to ${api.url} until`)
  expect((await run('status')).stdout).toContain('signed in as root')
  expect((await run('sign-in', { stdin: link })).stderr).toContain('error[Unauthenticated]')
  const { token } = (
    JSON.parse(await readFile(fileOf(), 'utf8')) as { contexts: { default: { token: string } } }
  ).contexts.default
  expect((await run('sign-out')).code).toBe(0)
  expect((await run('status')).stderr).toContain('error[Unauthenticated] nobody is signed in')
  const revoked = await run('status', { env: { POLIS_URL: api.url, POLIS_TOKEN: token } })
  expect(revoked.stderr).toContain(
    'error[Unauthenticated] the token is unknown, expired or revoked',
  )
})

test('signing in by name and password; the password is read, never an argument', async () => {
  await run(`context add home ${api.url}`)
  const stdin = 'correct horse battery\n'
  expect(await run('sign-in --user root', { stdin })).toMatchObject({ code: 0 })
  expect((await run('user ls')).stdout).toContain('root')
  expect((await run('sign-in --user root', { stdin: 'wrong\n' })).stderr).toContain(
    'name or password is wrong',
  )
})

test('a link for a user opens a session in a browser', async () => {
  const env = { POLIS_URL: api.url, POLIS_TOKEN: api.token }
  const { stdout } = await run('user link root', { env })
  const response = await fetch(stdout.trim(), { redirect: 'manual' })
  expect(response.status).toBe(303)
  expect(response.headers.get('set-cookie')).toContain('HttpOnly; SameSite=Strict')
})

test.each([
  [{}, 'error[FailedPrecondition] no installation of Polis is known here', 'npm start'],
  [
    { POLIS_URL: 'http://127.0.0.1:9' },
    'error[Unavailable] no Polis answers at http://127.0.0.1:9',
    'npm start',
  ],
  [
    { POLIS_CONTEXT: 'none' },
    'error[NotFound] context: there is no context "none"',
    'polis context ls',
  ],
])('with %o the shell says %s', async (env, message, hint) => {
  const { code, stderr } = await run('status', { env })
  expect(code).toBe(1)
  expect(stderr).toContain(message)
  expect(stderr).toContain(hint)
})

test('what is not Polis is told apart', async () => {
  const { stderr } = await run('app ls', { env: { POLIS_URL: `${api.url}/readyz/` } })
  expect(stderr).toContain('error[NotFound]')
})

test('completion knows every verb, and bash can read it', async () => {
  const { stdout } = await run('completion bash')
  expect(stdout).toContain('"app scale")')
  const { execFileSync } = await import('node:child_process')
  const script = `${stdout}\nCOMP_WORDS=(polis app sc); COMP_CWORD=2; _polis; echo "\${COMPREPLY[*]}"`
  expect(execFileSync('bash', ['-c', script]).toString()).toBe('scale\n')
  expect((await run('completion zsh')).stdout).toMatch(/^#compdef polis/)
  expect(await run('completion fish')).toMatchObject({ code: 2 })
})

const verbs = verbsOf(createProgram({} as never), '')

function verbsOf(command: Command, path: string): readonly string[] {
  return command.commands.length === 0
    ? [path.trim()]
    : command.commands.flatMap((verb) => verbsOf(verb, `${path} ${verb.name()}`))
}

test.each(verbs)('polis %s has help with an example, and a place in docs/cli.md', async (verb) => {
  const { code, stdout } = await run(`${verb} --help`)
  expect(code).toBe(0)
  expect(stdout).toContain('Examples:\n  $ ')
  const [first = ''] = verb.split(' ')
  const said = verb === 'attach' || verb === 'detach' ? `polis ${first} ` : `polis ${verb}`
  expect(await readFile(new URL('../docs/cli.md', import.meta.url), 'utf8')).toContain(said)
})

test('others add commands of their own', async () => {
  const ran = await run('up', {
    extraCommands: (program, shell) => {
      const up = program.command('up').action(() =>
        shell.run(up, async ({ printer }) => {
          printer.result({ isUp: true }, () => 'up')
        }),
      )
    },
  })
  expect(ran).toEqual({ code: 0, stdout: 'up\n', stderr: '' })
})
