import { openPolisApi, type PolisApi } from '@polis/test/polis-api'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { runShell, type Ran, type RunOptions } from './test-shell.ts'

let api: PolisApi

beforeAll(async () => {
  api = await openPolisApi()
})
afterAll(() => api[Symbol.asyncDispose]())
beforeEach(() => {
  api.kernel.requests.length = 0
})

function run(line: string | readonly string[], options: RunOptions = {}): Promise<Ran> {
  return runShell(line, { ...options, env: { POLIS_URL: api.url, POLIS_TOKEN: api.token } })
}

const web = { project: 'default', instance: 'shop', service: 'web' }
const named = { project: 'default', name: 'orders' }

test.each([
  ['app scale shop/web 3', { type: 'override', ...web, override: { replicas: 3 } }],
  [
    'app env shop/web --set A=1 --set B=x=y --unset C',
    {
      type: 'override',
      ...web,
      override: { environment: { A: '1', B: 'x=y' } },
      unsetEnvironment: ['C'],
    },
  ],
  ['app start shop', { type: 'start', project: 'default', instance: 'shop' }],
  ['app stop shop -p team', { type: 'stop', project: 'team', instance: 'shop' }],
  ['app restart shop', { type: 'restart', project: 'default', instance: 'shop' }],
  ['app restart shop/web', { type: 'restart', ...web }],
  ['app rollback shop', { type: 'rollback', project: 'default', instance: 'shop' }],
  ['app rollback shop --to 3', { type: 'rollback', revision: 3 }],
  ['app remove shop', { type: 'removeInstance', instance: 'shop' }],
  [
    'attach domain shop.example --to shop/web',
    { type: 'attach', ...web, target: { type: 'domain', host: 'shop.example' } },
  ],
  ['attach domain shop.example --to shop/web --port 80', { target: { port: 80 } }],
  [
    'attach database orders --to shop/web --alias main --env DATABASE_URL=uri',
    { target: { type: 'database', name: 'orders', alias: 'main', env: { DATABASE_URL: 'uri' } } },
  ],
  [
    'attach volume photos --to shop/web --read-only',
    { target: { type: 'volume', name: 'photos', readOnly: true } },
  ],
  [
    'attach port 80 --to shop/web',
    { target: { type: 'port', address: '0.0.0.0', targetPort: 80 } },
  ],
  ['attach port 8080:80 --to shop/web', { target: { port: 8080, targetPort: 80 } }],
  ['attach port 127.0.0.1:8080:80 --to shop/web', { target: { address: '127.0.0.1', port: 8080 } }],
  ['attach port [::1]:8080:80 --to shop/web', { target: { address: '::1', port: 8080 } }],
  ['attach secret key --to shop/web', { target: { type: 'secret', name: 'key' } }],
  [
    'detach port 8080 --from shop/web',
    { type: 'detach', ...web, target: { type: 'port', name: '8080' } },
  ],
  ['database create orders --device pg', { type: 'createDatabase', ...named, device: 'pg' }],
  ['database remove orders', { type: 'removeDatabase', ...named }],
  ['database restore orders', { type: 'restoreDatabase', ...named }],
  [
    'database purge orders --confirm orders',
    { type: 'purgeDatabase', ...named, confirmName: 'orders' },
  ],
  ['database rotate orders', { type: 'rotateDatabasePassword', ...named }],
  [
    'volume create orders --path /srv/x --exclusive',
    { type: 'createVolume', ...named, path: '/srv/x', isExclusive: true },
  ],
  ['volume remove orders', { type: 'removeVolume', ...named }],
  ['volume restore orders', { type: 'restoreVolume', ...named }],
  [
    'volume purge orders --confirm orders',
    { type: 'purgeVolume', ...named, confirmName: 'orders' },
  ],
  [
    'domain remove shop.example',
    { type: 'removeDomain', project: 'default', host: 'shop.example' },
  ],
  ['secret remove orders', { type: 'removeSecret', ...named }],
  ['config-file remove orders', { type: 'removeConfig', ...named }],
  [
    'device add postgresql --name pg --on node-1 --set image=postgres:17 --set max=5',
    {
      type: 'addDevice',
      driver: 'postgresql',
      name: 'pg',
      node: 'node-1',
      parameters: { image: 'postgres:17', max: 5 },
    },
  ],
  ['device remove pg', { type: 'removeDevice', name: 'pg' }],
  ['node cordon a', { type: 'setNodeSchedulable', name: 'a', isSchedulable: false }],
  ['node uncordon a', { type: 'setNodeSchedulable', name: 'a', isSchedulable: true }],
  ['node remove a', { type: 'removeNode', name: 'a' }],
  ['project create team', { type: 'createProject', name: 'team' }],
  ['project remove team', { type: 'removeProject', name: 'team' }],
  ['user create ann --display-name Ann', { type: 'createUser', name: 'ann', displayName: 'Ann' }],
  ['user block ann', { type: 'setUserBlocked', name: 'ann', isBlocked: true }],
  ['user unblock ann', { type: 'setUserBlocked', name: 'ann', isBlocked: false }],
  ['user remove ann', { type: 'removeUser', name: 'ann' }],
  [
    'role grant ann operator -p team',
    { type: 'grantRole', user: 'ann', role: 'operator', project: 'team' },
  ],
  ['role grant ann viewer', { type: 'grantRole', user: 'ann', role: 'viewer' }],
  ['role revoke ann', { type: 'revokeRole', user: 'ann' }],
  ['token revoke ci', { type: 'revokeToken', name: 'ci' }],
])('polis %s', async (line, request) => {
  const { code, stderr } = await run(line)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(api.kernel.requests).toMatchObject([request])
})

test.each([
  ['secret set key', 'hunter2\n', { type: 'setSecret', name: 'key', value: 'hunter2' }],
  ['config-file set conf', 'a\nb\n', { type: 'setConfig', name: 'conf', content: 'a\nb\n' }],
  [
    'user password ann',
    'correct horse\n',
    { type: 'setUserPassword', name: 'ann', password: 'correct horse' },
  ],
  [
    'user create bob --password',
    'correct horse\n',
    { type: 'createUser', password: 'correct horse' },
  ],
])('polis %s reads from standard input', async (line, stdin, request) => {
  const { code, stdout, stderr } = await run(line, { stdin })
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).not.toContain(stdin.trim())
  expect(api.kernel.requests).toMatchObject([request])
})

test('a secret comes from a file, too', async () => {
  expect((await run(['secret', 'set', 'key', '--from-file', '/nowhere'])).stderr).toContain(
    'error[NotFound]',
  )
})

test.each([
  ['app scale shop 3', 'does not name a service'],
  ['app scale shop/ 3', 'does not name a service'],
  ['app scale a/b/c 3', 'does not name a service'],
  ['attach port x:y --to shop/web', 'is no port'],
  ['app env shop/web', 'nothing is to be changed'],
])('polis %s is refused before anything is asked', async (line, message) => {
  const { code, stderr } = await run(line)
  expect(code).toBe(1)
  expect(stderr).toContain(message)
  expect(api.kernel.requests).toEqual([])
})

test.each([
  'app scale shop/web many',
  'app scale shop/web -1',
  'attach teapot x --to shop/web',
  'attach domain x',
  'database purge orders',
  'role grant ann king',
  'token create ci --scope king',
  'app env shop/web --set novalue',
  'nonsense',
  'app nonsense',
  'app scale',
  '-o yaml status',
  'status --unheard-of',
])('polis %s is wrong usage', async (line) => {
  const { code, stdout, stderr } = await run(line)
  expect(code).toBe(2)
  expect(stdout).toBe('')
  expect(stderr).toContain('error:')
})

test('--plan and --no-wait go with every change', async () => {
  const planned = await run('project create team --plan -o json')
  expect(JSON.parse(planned.stdout)).toMatchObject({
    verb: 'createProject',
    steps: [{ key: 'task/web' }],
  })
  expect(api.kernel.requests).toEqual([])
  api.kernel.isHeld = true
  const begun = await run('app stop shop --no-wait -o json')
  api.kernel.isHeld = false
  expect(JSON.parse(begun.stdout)).toMatchObject({ verb: 'stop', status: 'running', steps: [{}] })
})

test('as JSON the operation is the result, and its steps are told beside it', async () => {
  const { stdout, stderr } = await run('app stop shop -o json')
  expect(JSON.parse(stdout)).toMatchObject({
    status: 'done',
    requestId: expect.any(String) as unknown,
    steps: [{ status: 'done' }],
  })
  expect(stderr).toContain('done     Start web')
})
