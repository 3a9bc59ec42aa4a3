import { afterAll, beforeAll, expect, test } from 'vitest'
import { TestApi, textAt } from './test-api.ts'
import { createShop } from './test-shop.ts'

let api: TestApi

beforeAll(async () => {
  api = await TestApi.open()
  await createShop(api.kernel)
})
afterAll(() => api[Symbol.asyncDispose]())

test('objects are reached from one another, with their spec and status', async () => {
  const answer = await api.ask(`{
    instance(name: "shop") {
      kind name project { name } isReady
      spec { isStopped overrides { serviceName replicas } }
      application { name }
      services {
        spec { replicas updateOrder template { environment resources { memoryBytes } environmentFrom { variable alias key } } }
        image { spec { source { ... on FetchedImage { reference } } } }
        attachments { spec { layer target { __typename ... on VolumeTarget { volume { name device { name node { name spec { labels } } } } } } } }
      }
    }
  }`)
  expect(answer).toMatchSnapshot()
})

test('an object is found by its uid, whatever its kind, and its holders are listed', async () => {
  const found = await api.ask('{ volume(name: "data") { uid } }')
  const uid = textAt(found, 'volume', 'uid')
  const answer = await api.ask(
    'query($uid: ID!) { resource(uid: $uid) { kind name heldBy { kind name } ... on Volume { spec { isExclusive } } } }',
    { uid },
  )
  expect(answer.data).toEqual({
    resource: {
      kind: 'Volume',
      name: 'data',
      heldBy: [{ kind: 'Attachment', name: 'web-volume' }],
      spec: { isExclusive: false },
    },
  })
})

test('what is not there is null, what cannot be is an error with its path', async () => {
  expect(await api.ask('{ volume(name: "nothing") { uid } }')).toEqual({ data: { volume: null } })
  const answer = await api.ask('{ volume(name: "data", project: "nowhere") { uid } }')
  expect(answer.errors?.[0]?.extensions).toMatchObject({ code: 'NotFound', path: 'project' })
})
