import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { until } from '@polis/lib/until'
import { openPolisApi, type PolisApi } from '@polis/test/polis-api'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { runShell, type Ran, type RunOptions } from './test-shell.ts'

let api: PolisApi
let folder: string

beforeAll(async () => {
  api = await openPolisApi()
})
afterAll(() => api[Symbol.asyncDispose]())
beforeEach(async () => {
  folder = join(await mkdtemp(join(tmpdir(), 'polis-cli-')), 'shop')
  await mkdir(folder)
  api.kernel.requests.length = 0
  api.kernel.problems = []
  api.kernel.isHeld = false
})
afterEach(() => rm(join(folder, '..'), { recursive: true }))

function run(line: string | readonly string[], options: RunOptions = {}): Promise<Ran> {
  return runShell(line, {
    ...options,
    env: { POLIS_URL: api.url, POLIS_TOKEN: api.token, ...options.env },
  })
}

async function write(name: string, text: string): Promise<void> {
  await mkdir(join(folder, name, '..'), { recursive: true })
  await writeFile(join(folder, name), text)
}

const IMAGE_FILE = 'services:\n  web:\n    image: nginx:${VERSION:-1}\n'

test('a folder is deployed and followed to its end', async () => {
  await write('compose.yaml', IMAGE_FILE)
  const { code, stdout, stderr } = await run(['deploy', folder])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toBe(
    'running  Start web (starting)\ndone     Start web\nDeploy shop: done\n  url: http://shop.localhost\n',
  )
  expect(api.kernel.requests).toEqual([
    {
      type: 'deploy',
      project: 'default',
      application: 'shop',
      files: [{ path: 'compose.yaml', text: IMAGE_FILE }],
      variables: {},
    },
  ])
})

test.each([
  [[], {}, {}, {}],
  [[], { VERSION: 'env' }, {}, { VERSION: 'env' }],
  [[], {}, { '.env': 'VERSION=file\nOTHER=x\n' }, { VERSION: 'file' }],
  [[], { VERSION: 'env' }, { '.env': 'VERSION=file\n' }, { VERSION: 'env' }],
  [
    ['--set', 'VERSION=flag'],
    { VERSION: 'env' },
    { '.env': 'VERSION=file\n' },
    { VERSION: 'flag' },
  ],
])(
  'variables come from flags %o, then from %o, then from %o',
  async (flags, env, files, variables) => {
    await write('compose.yaml', IMAGE_FILE)
    for (const [name, text] of Object.entries(files)) await write(name, text)
    expect(
      (await run(['deploy', folder, ...flags], { env: { ...env, SECRET_OF_MINE: 'x' } })).code,
    ).toBe(0)
    expect(api.kernel.requests).toMatchObject([{ variables }])
  },
)

test.each([
  [['--name', 'other'], { application: 'other' }],
  [['--app', 'shop', '--name', 'staging'], { application: 'shop', instance: 'staging' }],
  [['--project', 'team'], { application: 'shop', project: 'team' }],
])('%o names what is deployed', async (flags, expected) => {
  await write('compose.yaml', IMAGE_FILE)
  await run(['deploy', folder, ...flags])
  expect(api.kernel.requests).toMatchObject([expected])
})

test('a file may name its application', async () => {
  await write('docker-compose.yml', `name: bakery\n${IMAGE_FILE}`)
  await run(['deploy', folder])
  expect(api.kernel.requests).toMatchObject([{ application: 'bakery' }])
})

test('an image is deployed as a file of one service', async () => {
  expect((await run('deploy registry.example/team/cake:1.2')).code).toBe(0)
  expect(api.kernel.requests).toMatchObject([
    {
      application: 'cake',
      files: [{ text: 'services:\n  web:\n    image: "registry.example/team/cake:1.2"\n' }],
    },
  ])
})

test('what is built from is uploaded once, without what .dockerignore names', async () => {
  await write('compose.yaml', 'services:\n  web:\n    build: ./web\n')
  await write('web/Dockerfile', 'FROM scratch\n')
  await write('web/.dockerignore', 'node_modules\nDockerfile\n')
  await write('web/node_modules/x/y.js', 'left out')
  await write('web/src/main.js', 'hello')
  await write('elsewhere/big', 'left out')
  const before = await api.kernel.blobs.list()
  expect((await run(['deploy', folder])).code).toBe(0)
  const [digest = '', ...others] = (await api.kernel.blobs.list()).filter(
    (d) => !before.includes(d),
  )
  expect(others).toEqual([])
  expect(api.kernel.requests).toMatchObject([{ contextDigest: digest }])
  const content = await new Response(await api.kernel.blobs.open(digest)).text()
  for (const name of ['web/Dockerfile', 'web/src/main.js']) expect(content).toContain(name)
  expect(content).not.toContain('left out')
  await run(['deploy', folder])
  expect(await api.kernel.blobs.list()).toHaveLength(before.length + 1)
  expect(api.kernel.requests).toMatchObject([{}, { contextDigest: digest }])
})

test('--plan shows and stops', async () => {
  await write('compose.yaml', IMAGE_FILE)
  const { code, stdout } = await run(['deploy', folder, '--plan'])
  expect({ code, stdout }).toEqual({ code: 0, stdout: 'Deploy shop would\n  - Start web\n' })
  expect(api.kernel.requests).toEqual([])
})

test('a refused plan lists every problem, with its place and what to do', async () => {
  await write('compose.yaml', IMAGE_FILE)
  api.kernel.problems = [
    {
      code: 'AlreadyExists',
      path: 'services.web.ports[0]',
      message: 'port 80 is taken',
      hint: 'choose another',
      file: 'compose.yaml',
      line: 3,
      column: 5,
    },
    { code: 'NotFound', path: '', message: 'there is no image' },
  ]
  for (const flags of [[], ['--plan']]) {
    const { code, stderr } = await run(['deploy', folder, ...flags])
    expect(code).toBe(1)
    expect(stderr).toBe(
      'error[AlreadyExists] compose.yaml:3:5 services.web.ports[0]: port 80 is taken\n  hint: choose another\nerror[NotFound] there is no image\n',
    )
  }
  const { stderr } = await run(['deploy', folder, '-o', 'json'])
  expect(JSON.parse(stderr)).toMatchObject({
    code: 'AlreadyExists',
    path: 'services.web.ports[0]',
    message: 'port 80 is taken',
    hint: 'choose another',
    problems: [{}, { code: 'NotFound' }],
  })
})

test('--no-wait prints the id of the running operation', async () => {
  api.kernel.isHeld = true
  await write('compose.yaml', IMAGE_FILE)
  const { code, stdout } = await run(['deploy', folder, '--no-wait'])
  expect(code).toBe(0)
  const answer = await api.ask('query($id: ID!) { operation(id: $id) { status } }', {
    id: stdout.trim(),
  })
  expect(answer.data).toEqual({ operation: { status: 'running' } })
})

test('a failed operation says why, with the last that the build said', async () => {
  api.kernel.isHeld = true
  await write('compose.yaml', IMAGE_FILE)
  const { code, stdout, stderr } = await run(['deploy', folder], {
    onWrite: (text) => {
      if (!text.startsWith('running')) return
      const operation = api.kernel.newest
      const { requestId } = operation
      const log = {
        at: new Date(),
        type: 'build.log',
        level: 'info' as const,
        fields: {},
        requestId,
      }
      void api.kernel.journal.append([{ ...log, message: 'RUN make\nmake: no rule' }]).then(() =>
        api.kernel.end(operation.id, {
          status: 'failed',
          error: {
            code: 'FailedPrecondition',
            path: 'services.web.build',
            message: 'the build failed',
          },
        }),
      )
    },
  })
  expect(code).toBe(1)
  expect(stdout).toContain('failed   Start web (the build failed)')
  expect(stdout).toContain('  | make: no rule')
  expect(stderr).toBe('error[FailedPrecondition] services.web.build: the build failed\n')
})

test('an interrupt leaves the operation running and says how to go on', async () => {
  api.kernel.isHeld = true
  await write('compose.yaml', IMAGE_FILE)
  const abort = new AbortController()
  const { code, stderr } = await run(['deploy', folder], {
    signal: abort.signal,
    onWrite: () => abort.abort(),
  })
  const { id, status } = api.kernel.newest
  expect({ code, status }).toEqual({ code: 1, status: 'running' })
  expect(stderr).toContain(`hint: polis operation watch ${id}, or polis operation cancel ${id}`)
})

test('a lost connection is made again', async () => {
  api.kernel.isHeld = true
  await write('compose.yaml', IMAGE_FILE)
  let isCut = false
  const ran = run(['deploy', folder], {
    onWrite: () => {
      if (isCut) return
      isCut = true
      void until(() => api.kernel.watcherCount === 1, { deadlineMs: 3000, what: 'a follower' })
        .then(() => api.kernel.breakWatchers())
        .then(() =>
          until(() => api.kernel.watcherCount === 1, { deadlineMs: 3000, what: 'it back' }),
        )
        .then(() => api.kernel.end(api.kernel.newest.id, { status: 'done' }))
    },
  })
  expect(await ran).toMatchObject({ code: 0 })
})

test('on a terminal the steps are drawn, without colour when that is not wanted', async () => {
  await write('compose.yaml', IMAGE_FILE)
  const { stdout } = await run(['deploy', folder], { isTerminal: true, env: { NO_COLOR: '1' } })
  expect(stdout).toContain('✔ Start web\n')
  expect(stdout).not.toContain('\u001B[32m')
})

test.each([
  ['nowhere/at-all/', 1, 'NotFound'],
  ['../../etc/passwd-nothing', 1, 'NotFound'],
  ['.', 1, 'NotFound'],
])('deploy %s fails with %s %s', async (path, code, errorCode) => {
  const ran = await run(['deploy', path === '.' ? folder : path])
  expect(ran.code).toBe(code)
  expect(ran.stderr).toContain(`error[${errorCode}]`)
})

test('a Compose file of 50 MB is refused at once', async () => {
  await write('compose.yaml', 'x'.repeat(50_000_000))
  const { code, stderr } = await run(['deploy', folder])
  expect(code).toBe(1)
  expect(stderr).toContain('the file has 48 MiB; 1 MiB is allowed')
})

test('a broken file is refused by the server, whatever the shell makes of it', async () => {
  await write('compose.yaml', 'services: [')
  api.kernel.problems = [{ code: 'InvalidArgument', path: '', message: 'broken' }]
  const { code, stderr } = await run(['deploy', folder])
  expect(code).toBe(1)
  expect(stderr).toContain('error[InvalidArgument]')
})
