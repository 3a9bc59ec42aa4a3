import { until } from '@polis/lib/until'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { newUid } from '@polis/lib/uid'
import { type Answer, TestApi, textAt } from './test-api.ts'
import { meta } from './test-kernel.ts'

let api: TestApi

beforeEach(async () => {
  api = await TestApi.open()
})
afterEach(() => api[Symbol.asyncDispose]())

async function openStreams(): Promise<number> {
  const text = await (await fetch(`${api.url}/metrics`)).text()
  return Number(/^polis_http_open_streams (?<count>\d+)$/m.exec(text)?.groups?.['count'])
}

async function collect(stream: AsyncIterable<Answer>): Promise<Answer[]> {
  const answers: Answer[] = []
  for await (const answer of stream) answers.push(answer)
  return answers
}

test('an operation is followed to its end', async () => {
  api.kernel.isHeld = true
  const begun = await api.ask('mutation { stop(input: { instance: "shop" }) { operation { id } } }')
  const id = textAt(begun, 'stop', 'operation', 'id')
  const seen = collect(
    api.follow('subscription($id: ID!) { operation(id: $id) { status steps { status } } }', { id }),
  )
  await until(async () => (await openStreams()) === 1, { deadlineMs: 3000, what: 'a stream' })
  api.kernel.end(id, { status: 'done' })
  expect((await seen).map(({ data }) => data?.['operation'])).toEqual([
    { status: 'running', steps: [{ status: 'running' }] },
    { status: 'done', steps: [{ status: 'done' }] },
  ])
  expect(await openStreams()).toBe(0)
})

test('following what is not there fails with its reason', async () => {
  const answers = await collect(api.follow('subscription { operation(id: "x") { status } }'))
  expect(answers.at(-1)?.errors?.[0]?.extensions).toMatchObject({ code: 'NotFound', path: 'id' })
})

test('changes of objects are told, of the kinds and the project asked for', async () => {
  const stream = api.follow(
    'subscription { objects(kinds: [Project]) { type object { kind name } } }',
  )
  const first = stream.next()
  await until(async () => (await openStreams()) === 1, { deadlineMs: 3000, what: 'a stream' })
  await api.ask('mutation { createProject(input: { name: "new" }) { plan { verb } } }')
  expect((await first).value?.data).toEqual({
    objects: { type: 'put', object: { kind: 'Project', name: 'new' } },
  })
  await stream.return()
  await until(async () => (await openStreams()) === 0, { deadlineMs: 3000, what: 'the end' })
})

test('events come as they happen, and those since an id first', async () => {
  const [kept] = await api.kernel.journal.append([
    { at: new Date(), type: 'a.b', level: 'info', message: 'before', fields: {} },
    { at: new Date(), type: 'a.c', level: 'warning', message: 'missed', fields: { n: 1 } },
  ])
  const stream = api.follow(
    'subscription($after: ID) { events(after: $after, filter: { type: "a." }) { level message fields } }',
    { after: String(kept?.id) },
  )
  expect((await stream.next()).value?.data).toEqual({
    events: { level: 'warning', message: 'missed', fields: { n: 1 } },
  })
  await api.kernel.journal.append([
    { at: new Date(), type: 'b', level: 'info', message: 'of another type', fields: {} },
    { at: new Date(), type: 'a.d', level: 'error', message: 'now', fields: {} },
  ])
  expect((await stream.next()).value?.data).toMatchObject({ events: { message: 'now' } })
  await stream.return()
})

test('log lines come in batches, of the service asked for', async () => {
  await deployShop()
  const line = { at: '2026-01-01T00:00:00Z', source: 'stdout' as const, uid: 't', slot: 1 }
  api.kernel.logLines.push(
    { ...line, serviceName: 'web', text: 'one' },
    { ...line, serviceName: 'db', text: 'not asked for' },
    { ...line, serviceName: 'web', text: 'two' },
  )
  const answers = await collect(
    api.follow(
      'subscription { logs(instance: "shop", service: "web", follow: false) { text slot source } }',
    ),
  )
  expect(answers).toEqual([
    {
      data: {
        logs: [
          { text: 'one', slot: 1, source: 'stdout' },
          { text: 'two', slot: 1, source: 'stdout' },
        ],
      },
    },
  ])
})

test.each([
  [
    'the user is blocked',
    'setUserBlocked(input: { name: "eve", isBlocked: true })',
    'Unauthenticated',
  ],
  ['the token is revoked', 'revokeToken(input: { name: "eve-token" })', 'Unauthenticated'],
  ['the role is taken away', 'revokeRole(input: { user: "eve" })', 'Aborted'],
])('an open stream ends when %s', async (_, change, code) => {
  const token = await api.kernel.addUser('eve', 'viewer')
  const answers = collect(api.follow('subscription { objects { type } }', {}, token))
  await until(async () => (await openStreams()) === 1, { deadlineMs: 3000, what: 'a stream' })
  const changed = await api.ask(`mutation { ${change} { plan { verb } } }`)
  expect(changed.errors).toBeUndefined()
  expect((await answers).at(-1)?.errors?.[0]?.extensions).toMatchObject({ code })
  expect(await openStreams()).toBe(0)
})

test('a user has a limited number of streams', async () => {
  const query = 'subscription { objects(kinds: [Node]) { type } }'
  const open = Array.from({ length: 101 }, () => api.follow(query))
  const first = open.map((stream) => stream.next())
  const { value } = await Promise.race(first)
  expect(value).toMatchObject({ errors: [{ extensions: { code: 'ResourceExhausted' } }] })
  expect(await openStreams()).toBe(100)
})

test('streams end when the server closes, saying so', async () => {
  const answers = collect(api.follow('subscription { objects { type } }'))
  await until(async () => (await openStreams()) === 1, { deadlineMs: 3000, what: 'a stream' })
  await api[Symbol.asyncDispose]()
  expect((await answers).at(-1)?.errors?.[0]?.extensions).toMatchObject({ code: 'Unavailable' })
})

async function deployShop(): Promise<void> {
  const { kernel } = api
  const application = meta('shop', kernel.defaultProjectUid)
  await kernel.create(
    { kind: 'Application', metadata: application, spec: {} },
    {
      kind: 'Instance',
      metadata: meta('shop', kernel.defaultProjectUid),
      spec: {
        applicationUid: application.uid,
        revisionUid: newUid(),
        overrides: {},
        isStopped: false,
      },
    },
  )
}
