import { newUid } from '@polis/lib/uid'
import { openShopApi, type PolisApi } from '@polis/test/polis-api'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runShell, type Ran, type RunOptions } from './test-shell.ts'

let api: PolisApi

beforeAll(async () => {
  api = await openShopApi()
})
afterAll(() => api[Symbol.asyncDispose]())

function run(line: string | readonly string[], options: RunOptions = {}): Promise<Ran> {
  return runShell(line, { ...options, env: { POLIS_URL: api.url, POLIS_TOKEN: api.token } })
}

test.each([
  'app ls',
  'app show shop',
  'database ls',
  'volume ls',
  'volume show data',
  'domain ls',
  'domain show shop.example',
  'secret ls',
  'config-file ls',
  'config-file show conf',
  'device ls',
  'device show disk',
  'driver ls',
  'driver show bind-mount',
  'image ls',
  'image show web',
  'task ls',
  'task show shop-web-1',
  'node ls',
  'node show node-1',
  'project ls',
  'project show default',
  'user ls',
  'user show root',
  'operation ls',
  'status',
  'version',
])('polis %s', async (line) => {
  const { code, stdout, stderr } = await run(line)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  // How long ago things were made is told last, and differs from run to run.
  const text = stdout.replaceAll(api.url, 'http://polis').replaceAll(/\d+s$/gm, '3s')
  expect(text).toMatchSnapshot()
})

test.each([
  ['app ls', 'Instance', 'default'],
  ['database ls', 'Database', 'default'],
  ['volume ls', 'Volume', 'default'],
  ['domain ls', 'Domain', 'default'],
  ['secret ls', 'Secret', 'default'],
  ['config-file ls', 'Config', 'default'],
  ['image ls', 'Image', 'default'],
  ['task ls', 'Task', 'default'],
  ['device ls', 'Device', null],
  ['driver ls', 'Driver', null],
  ['node ls', 'Node', null],
  ['project ls', 'Project', null],
  ['user ls', 'User', null],
  ['token ls', 'Token', null],
])('polis %s -o json is an array of resources', async (line, kind, project) => {
  const { stdout } = await run(`${line} -o json`)
  const resources = JSON.parse(stdout) as unknown
  const resource = {
    kind,
    project,
    name: expect.any(String) as unknown,
    status: expect.any(Object) as unknown,
  }
  expect(resources).toEqual(expect.arrayContaining([expect.objectContaining(resource)]))
  if (kind === 'Driver') return
  expect(resources).toMatchObject([{ spec: expect.any(Object) as unknown }])
})

test.each(['app', 'database', 'volume', 'device', 'driver', 'node', 'user'])(
  'polis %s show says when there is none',
  async (noun) => {
    const { code, stderr } = await run(`${noun} show nothing`)
    expect(code).toBe(1)
    expect(stderr).toContain(`error[NotFound] name: there is no ${noun} "nothing"`)
    expect(stderr).toContain(`hint: polis ${noun} ls`)
  },
)

test('status has url, nodes and conditions', async () => {
  const { stdout } = await run('status -o json')
  expect(JSON.parse(stdout)).toMatchObject({
    url: api.url,
    version: '0.1.0',
    isReady: true,
    nodes: [{ kind: 'Node', name: 'node-1' }],
    conditions: [],
  })
})

test('logs are read, of one service or all, as text or one object a line', async () => {
  const line = {
    at: '2026-01-01T00:00:00.000000001Z',
    source: 'stdout' as const,
    uid: newUid(),
    slot: 1,
  }
  api.kernel.logLines.push(
    { ...line, serviceName: 'web', text: 'hello \u001B[31mred' },
    { ...line, serviceName: 'db', text: 'ready' },
  )
  expect((await run('app logs shop')).stdout).toBe('web.1 | hello  [31mred\ndb.1 | ready\n')
  expect((await run('app logs shop/db --timestamps')).stdout).toBe(`${line.at} db.1 | ready\n`)
  const { stdout } = await run('app logs shop/db -o json')
  expect(JSON.parse(stdout)).toMatchObject({ serviceName: 'db', text: 'ready' })
  expect((await run('app logs nothing')).stderr).toContain('error[NotFound]')
  expect((await run('app logs shop --since yesterday')).stderr).toContain('is no time')
})

test('following ends without an error when its reader has had enough', async () => {
  const abort = new AbortController()
  const ran = await run('app logs shop --follow', {
    signal: abort.signal,
    onWrite: () => abort.abort(),
  })
  expect(ran).toMatchObject({ code: 0, stderr: '' })
})

test('operations are shown, watched, cancelled and traced', async () => {
  api.kernel.isHeld = true
  const id = (await run('app stop shop --no-wait')).stdout.trim()
  const { requestId } = api.kernel.newest
  expect((await run(`operation show ${id}`)).stdout).toContain('Start web')
  expect((await run('operation ls --status running')).stdout).toContain(id)
  expect(await run('operation ls --status nonsense')).toMatchObject({ code: 1 })
  expect((await run(`trace ${requestId}`)).stdout).toContain('operation.begun root: stop')
  expect(JSON.parse((await run(`trace ${requestId} -o json`)).stdout)).toMatchObject({
    operations: [{ id }],
    events: [{ type: 'operation.begun', requestId }],
  })
  const watched = run(`operation watch ${id}`)
  expect((await run(`operation cancel ${id}`)).stdout).toBe('stop: cancelled\n')
  expect(await watched).toMatchObject({ code: 1, stderr: 'error[Canceled] "stop" was cancelled\n' })
  expect((await run('operation show nothing')).stderr).toContain('error[NotFound]')
  api.kernel.isHeld = false
})

test('events are listed oldest first and followed', async () => {
  const event = { at: new Date(0), level: 'info' as const, fields: {} }
  await api.kernel.journal.append([
    { ...event, type: 'test.a', message: 'one' },
    { ...event, type: 'test.b', message: 'two' },
  ])
  const { stdout } = await run('event ls --type test.')
  expect(stdout).toBe('1970-01-01T00:00:00.000Z test.a one\n1970-01-01T00:00:00.000Z test.b two\n')
  const abort = new AbortController()
  const timer = setInterval(() => {
    void api.kernel.journal.append([{ ...event, type: 'test.c', message: 'three' }])
  }, 20)
  const followed = await run('event watch --type test. -o json', {
    signal: abort.signal,
    onWrite: () => abort.abort(),
  })
  clearInterval(timer)
  expect(followed.code).toBe(0)
  expect(JSON.parse(followed.stdout.split('\n')[0] ?? '')).toMatchObject({ message: 'three' })
})

test('a token is made and shown once', async () => {
  const { stdout } = await run('token create ci --scope operator')
  const asked = await runShell('project ls', {
    env: { POLIS_URL: api.url, POLIS_TOKEN: stdout.trim() },
  })
  expect(asked).toMatchObject({ code: 0 })
  expect((await run('node join-token -o json')).stdout).toContain('polis_join')
})

test('doctor says what is wrong, here and there, and fails then', async () => {
  const well = await run('doctor', {
    localFindings: async () => [{ check: 'docker', status: 'ok', message: 'version 20.10' }],
  })
  expect(well.stdout).toContain('ok      docker: version 20.10\n')
  expect(well.stdout).toContain('ok      server: 0.1.0')
  const ill = await run('doctor -o json', {
    localFindings: async () => [
      { check: 'disk', status: 'error', message: 'full', remedy: 'make room' },
    ],
  })
  expect(ill.code).toBe(1)
  expect(JSON.parse(ill.stdout)).toMatchObject([
    { check: 'disk', status: 'error', remedy: 'make room' },
    { check: 'server', status: 'ok' },
    { check: 'node node-1', status: 'error' },
  ])
})
