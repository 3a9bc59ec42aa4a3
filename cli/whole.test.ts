// The shell against a whole installation: the API, the real kernel and its controllers, on fake engines.
import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { until } from '@polis/lib/until'
import { openWorldApi, type WorldApi } from '@polis/test/polis-api'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runShell, type Ran } from './test-shell.ts'

let api: WorldApi
let home: string

const COMPOSE = `
services:
  web:
    build: .
    x-polis:
      domains: ["shop.localhost:8080"]
      databases: [{ name: db }]
      volumes: [{ name: data }]
`

beforeAll(async () => {
  api = await openWorldApi()
  home = await mkdtemp(join(tmpdir(), 'polis-whole-'))
  await mkdir(join(home, 'shop'))
  await writeFile(join(home, 'shop', 'compose.yaml'), COMPOSE)
  await writeFile(join(home, 'shop', 'Dockerfile'), 'FROM scratch\n')
  await runShell('sign-in', { stdin: api.signInLink, env: { HOME: home } })
})
afterAll(async () => {
  await api[Symbol.asyncDispose]()
  await rm(home, { recursive: true })
})

async function run(line: string, stdin = ''): Promise<Ran> {
  return await runShell(line, { stdin, env: { HOME: home } })
}

async function done(line: string, stdin = ''): Promise<string> {
  const { code, stdout, stderr } = await run(line, stdin)
  expect({ line, code, stderr }).toEqual({ line, code: 0, stderr: '' })
  return stdout
}

/** An operation is done when the world is; what objects say of themselves may follow a moment later. */
async function shows(line: string, what: RegExp): Promise<void> {
  await until(async () => what.test(await done(line)), {
    deadlineMs: 5000,
    what: `${line}: ${what}`,
  })
}

test('an application lives its whole life by the shell alone', async () => {
  expect(await done('status')).toContain('signed in as admin (administrator)')
  await until(async () => (await done('driver ls')).includes('postgresql'), {
    deadlineMs: 5000,
    what: 'the drivers',
  })
  await done('device add postgresql --name main')
  const planned = await done(`deploy ${home}/shop --plan`)
  expect(planned).toContain('Deploy shop would')
  expect(await done('app ls')).toContain('nothing runs here')

  expect(await done(`deploy ${home}/shop`)).toContain('Deploy shop: done')
  await shows('app ls', /shop +default +shop +ready +web 1\/1 +1/)
  const shown = await done('app show shop')
  expect(shown).toContain('domain shop.localhost to port 8080\n')
  expect(shown).toMatch(/1 +running/)
  expect(await done('database ls')).toMatch(/shop-db +main +ready +.*shop\/web/)

  await done('app scale shop/web 2')
  await shows('app ls', /web 2\/2/)
  await done('attach domain other.localhost --to shop/web')
  expect(await done('domain ls')).toMatch(/other\.localhost .*shop\/web/)
  await done('detach domain other.localhost --from shop/web')
  await done('secret set key', 'hunter2')
  await done('attach secret key --to shop/web')
  await done('volume create photos')
  await done('attach volume photos --to shop/web --read-only')
  expect(await done('volume ls')).toMatch(/photos .*shop\/web/)
  const refused = await run('secret remove key')
  expect(refused.code).toBe(1)
  expect(refused.stderr).toContain('error[FailedPrecondition]')

  await done('app restart shop')
  await done(`deploy ${home}/shop --set UNUSED=1`)
  await done('app rollback shop')
  await done('app stop shop')
  await shows('app ls', /stopped/)
  await done('app start shop')
  await done('app remove shop')
  expect(await done('app ls')).toContain('nothing runs here')
  expect(await done('database ls')).toMatch(/shop-db .*in the bin/)
  await done('database purge shop-db --confirm shop-db')
  expect(await done('operation ls -s done')).toContain('Deploy shop')
})

test('people get rights, and lose them at once', async () => {
  await done('user create eve --password', 'correct horse')
  await done('role grant eve viewer')
  const env = { HOME: join(home, 'eve') }
  const eve = (line: string, stdin = ''): Promise<Ran> => runShell(line, { stdin, env })
  await eve(`context add home ${api.url}`)
  expect(await eve('sign-in --user eve', 'correct horse')).toMatchObject({ code: 0 })
  expect((await eve('status')).stdout).toContain('signed in as eve (viewer)')
  const denied = await eve('project create mine')
  expect(denied).toMatchObject({ code: 1 })
  expect(denied.stderr).toContain('error[PermissionDenied]')
  const following = eve('event watch')
  await done('role revoke eve')
  expect(await following).toMatchObject({ code: 1 })
  expect((await following).stderr).toContain('error[PermissionDenied]')
  await done('user block eve')
  expect((await eve('status')).stderr).toContain('error[Unauthenticated]')
  expect(await done('event ls --type audit.')).toContain('audit.setUserBlocked')
})

test('what a deploy does is found again by its request', async () => {
  const { stdout } = await run('project create traced -o json')
  const { requestId } = JSON.parse(stdout) as { requestId: string }
  expect(await done(`trace ${requestId}`)).toContain('audit.createProject admin')
})
