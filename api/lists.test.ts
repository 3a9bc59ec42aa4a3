import { afterAll, beforeAll, expect, test } from 'vitest'
import { TestApi } from './test-api.ts'
import { meta } from './test-kernel.ts'

let api: TestApi

beforeAll(async () => {
  api = await TestApi.open()
  const names = Array.from({ length: 25 }, (_, n) => `config-${String(n).padStart(2, '0')}`)
  await api.kernel.create(
    { kind: 'Project', metadata: meta('other'), spec: { quotas: {} } },
    ...names.map((name) => ({
      kind: 'Config' as const,
      metadata: meta(name, api.kernel.defaultProjectUid),
      spec: { content: name },
    })),
  )
})
afterAll(() => api[Symbol.asyncDispose]())

interface Configs {
  readonly nodes: readonly { readonly name: string }[]
  readonly pageInfo: { readonly endCursor: string | null; readonly hasNextPage: boolean }
  readonly total: number
}

async function page(first: number, after?: string, filter: object = {}): Promise<Configs> {
  const answer = await api.ask(
    `query($first: Int!, $after: String, $filter: ResourceFilter) {
      configs(first: $first, after: $after, filter: $filter) {
        nodes { name } pageInfo { endCursor hasNextPage } total
      }
    }`,
    { first, after, filter },
  )
  expect(answer.errors).toBeUndefined()
  return answer.data?.['configs'] as Configs
}

test('pages follow one another by name, and the last one says so', async () => {
  const names: string[] = []
  let after: string | undefined
  for (;;) {
    const { nodes, pageInfo, total } = await page(10, after)
    expect(total).toBe(25)
    names.push(...nodes.map(({ name }) => name))
    if (!pageInfo.hasNextPage) break
    after = pageInfo.endCursor ?? undefined
  }
  expect(names).toHaveLength(25)
  expect(names).toEqual(names.toSorted())
})

test('a page after the last item is empty', async () => {
  const { pageInfo } = await page(25)
  expect(pageInfo.hasNextPage).toBe(false)
  expect((await page(10, pageInfo.endCursor ?? undefined)).nodes).toEqual([])
})

test.each([
  [{ name: 'config-03' }, ['config-03']],
  [{ search: '-2' }, ['config-20', 'config-21', 'config-22', 'config-23', 'config-24']],
  [{ project: 'other' }, []],
  [{ isReady: true }, []],
  [{ ownerUid: 'nobody' }, []],
])('the filter %o shows only what it names', async (filter, names) => {
  const { nodes } = await page(50, undefined, filter)
  expect(nodes.map(({ name }) => name)).toEqual(names)
})

test.each([
  ['{ configs(after: "%%%") { total } }', 'after'],
  ['{ configs(first: 0) { total } }', 'first'],
  ['{ configs(first: 201) { total } }', 'first'],
  ['{ configs(filter: { project: "nowhere" }) { total } }', 'filter.project'],
  ['{ operations(after: "%%%") { total } }', 'after'],
  ['{ events(first: 1000) { total } }', 'first'],
])('%s is refused, naming %s', async (query, path) => {
  const answer = await api.ask(query)
  expect(answer.errors?.[0]?.extensions).toMatchObject({ path })
})

test('operations and events are listed newest first and found by request', async () => {
  const { kernel } = api
  for (const name of ['a', 'b', 'c']) {
    const response = await api.post(
      { query: `mutation { createProject(input: { name: "${name}" }) { plan { title } } }` },
      { authorization: `Bearer ${api.token}`, 'x-request-id': `request-of-${name}` },
    )
    expect(response.headers.get('x-request-id')).toBe(`request-of-${name}`)
    await response.text()
  }
  const all = await api.ask(`{
    operations(first: 2) { nodes { requestId } pageInfo { hasNextPage endCursor } }
    events(first: 2) { nodes { requestId } pageInfo { hasNextPage endCursor } }
  }`)
  for (const list of ['operations', 'events']) {
    const first = all.data?.[list] as {
      nodes: { requestId: string }[]
      pageInfo: { hasNextPage: boolean; endCursor: string }
    }
    expect(first.nodes.map(({ requestId }) => requestId)).toEqual(['request-of-c', 'request-of-b'])
    expect(first.pageInfo.hasNextPage).toBe(true)
    const next = await api.ask(
      `query($after: String) { list: ${list}(first: 2, after: $after) { nodes { requestId } pageInfo { hasNextPage } } }`,
      { after: first.pageInfo.endCursor },
    )
    expect(next.data?.['list']).toEqual({
      nodes: [{ requestId: 'request-of-a' }],
      pageInfo: { hasNextPage: false },
    })
  }
  const traced = await api.ask(`{
    operations(filter: { requestId: "request-of-b" }) { nodes { verb project { name } } }
    events(filter: { requestId: "request-of-b" }) { nodes { type message project { name } actor } }
  }`)
  expect(traced.data).toEqual({
    operations: { nodes: [{ verb: 'createProject', project: { name: 'default' } }] },
    events: {
      nodes: [
        {
          type: 'operation.begun',
          message: 'createProject',
          project: { name: 'default' },
          actor: 'root',
        },
      ],
    },
  })
  expect(kernel.requests).toHaveLength(3)
})

test('a viewer of one project sees the events of that project only', async () => {
  const { kernel } = api
  const uid = kernel.cache.findByName('Project', undefined, 'other')?.metadata.uid
  const token = await kernel.addUser('eve', 'viewer', uid)
  await kernel.journal.append([
    { at: new Date(), type: 't', level: 'info', message: 'mine', fields: {}, project: uid ?? '' },
    { at: new Date(), type: 'audit.x', level: 'info', message: 'not mine', fields: {} },
  ])
  const answer = await api.ask(
    '{ events { nodes { message } } projects { nodes { name } } }',
    {},
    token,
  )
  expect(answer.data).toEqual({
    events: { nodes: [{ message: 'mine' }] },
    projects: { nodes: [{ name: 'other' }] },
  })
})
