import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { TestApi, textAt } from './test-api.ts'

let api: TestApi

beforeAll(async () => {
  api = await TestApi.open()
})
beforeEach(() => {
  api.kernel.problems = []
  api.kernel.requests.length = 0
})
afterAll(() => api[Symbol.asyncDispose]())

test('a mutation becomes the request with its defaults, and answers plan and operation', async () => {
  const answer = await api.ask(
    `mutation($input: DeployInput!) {
      deploy(input: $input) { plan { title steps { key } } operation { status result steps { title status } } }
    }`,
    {
      input: {
        application: 'shop',
        files: [{ path: 'compose.yaml', text: 'services: {}' }],
        instance: null,
      },
    },
  )
  expect(api.kernel.requests).toEqual([
    {
      type: 'deploy',
      project: 'default',
      application: 'shop',
      files: [{ path: 'compose.yaml', text: 'services: {}' }],
      variables: {},
    },
  ])
  expect(answer.data).toEqual({
    deploy: {
      plan: { title: 'Deploy shop', steps: [{ key: 'task/web' }] },
      operation: {
        status: 'running',
        result: {},
        steps: [{ title: 'Start web', status: 'running' }],
      },
    },
  })
})

test.each([
  ['{ domain: { host: "shop.example" } }', { type: 'domain', host: 'shop.example' }],
  [
    '{ database: { name: "main", env: { DATABASE_URL: "uri" } } }',
    { type: 'database', name: 'main', env: { DATABASE_URL: 'uri' } },
  ],
  ['{ volume: { name: "data" } }', { type: 'volume', name: 'data', readOnly: false }],
  ['{ port: { targetPort: 80 } }', { type: 'port', address: '0.0.0.0', targetPort: 80 }],
  ['{ secret: { name: "key", alias: "k" } }', { type: 'secret', name: 'key', alias: 'k' }],
])('attach takes %s', async (target, expected) => {
  const answer = await api.ask(
    `mutation { attach(input: { instance: "shop", service: "web", target: ${target} }) { operation { verb } } }`,
  )
  expect(answer.errors).toBeUndefined()
  expect(api.kernel.requests).toMatchObject([{ type: 'attach', target: expected }])
})

test('exactly one target can be attached', async () => {
  const target = '{ volume: { name: "a" }, secret: { name: "b" } }'
  const answer = await api.ask(
    `mutation { attach(input: { instance: "shop", service: "web", target: ${target} }) { operation { verb } } }`,
  )
  expect(answer.errors?.[0]?.extensions).toMatchObject({ code: 'InvalidArgument' })
  expect(api.kernel.requests).toEqual([])
})

test('planOnly changes nothing and shows what is wrong', async () => {
  api.kernel.problems = [
    { code: 'AlreadyExists', path: 'files[0]', message: 'taken', hint: 'choose another', line: 3 },
  ]
  const answer = await api.ask(`mutation {
    createProject(input: { name: "a" }, planOnly: true) {
      plan { problems { code path message hint line } } operation { id }
    }
  }`)
  expect(answer.data).toEqual({
    createProject: {
      plan: {
        problems: [
          {
            code: 'AlreadyExists',
            path: 'files[0]',
            message: 'taken',
            hint: 'choose another',
            line: 3,
          },
        ],
      },
      operation: null,
    },
  })
  expect(api.kernel.requests).toEqual([])
})

test('the query plan answers the same for any request', async () => {
  const answer = await api.ask('{ plan(request: { createProject: { name: "a" } }) { verb title } }')
  expect(answer.data).toEqual({ plan: { verb: 'createProject', title: 'createProject' } })
})

test('a refusal carries every problem', async () => {
  api.kernel.problems = [
    { code: 'AlreadyExists', path: 'a', message: 'first', hint: 'do this' },
    { code: 'NotFound', path: 'b', message: 'second' },
  ]
  const answer = await api.ask('mutation { createProject(input: { name: "a" }) { plan { verb } } }')
  expect(answer.errors?.[0]).toMatchObject({
    message: 'first',
    extensions: {
      code: 'AlreadyExists',
      path: 'a',
      hint: 'do this',
      problems: api.kernel.problems,
    },
  })
})

test('input that the request does not allow is refused with its path', async () => {
  const answer = await api.ask(
    'mutation { createUser(input: { name: "eve", password: "short" }) { plan { verb } } }',
  )
  expect(answer.errors?.[0]?.extensions).toMatchObject({
    code: 'InvalidArgument',
    path: 'password',
  })
  expect(api.kernel.requests).toEqual([])
})

test('a viewer may look and change nothing', async () => {
  const token = await api.kernel.addUser('eve', 'viewer')
  const looked = await api.ask('{ me { name role } projects { total } }', {}, token)
  expect(looked.data).toEqual({ me: { name: 'eve', role: 'viewer' }, projects: { total: 1 } })
  const changed = await api.ask(
    'mutation { createProject(input: { name: "b" }) { plan { verb } } }',
    {},
    token,
  )
  expect(changed.errors?.[0]?.extensions).toMatchObject({ code: 'PermissionDenied' })
})

test('an operation is cancelled', async () => {
  api.kernel.isHeld = true
  const begun = await api.ask('mutation { stop(input: { instance: "shop" }) { operation { id } } }')
  const id = textAt(begun, 'stop', 'operation', 'id')
  const answer = await api.ask(
    'mutation($id: ID!) { cancelOperation(id: $id) { status steps { status } } }',
    { id },
  )
  api.kernel.isHeld = false
  expect(answer.data).toEqual({
    cancelOperation: { status: 'cancelled', steps: [{ status: 'skipped' }] },
  })
})
