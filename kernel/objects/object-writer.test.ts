import { newUid } from '@polis/lib/uid'
import { withCondition } from '@polis/resources/object'
import { expect, test } from 'vitest'
import { Objects, projectDraft, userDraft } from './objects.fixture.ts'

const now = new Date('2026-01-01T00:00:00Z')

test('who has committed reads what was written', async () => {
  await using objects = await Objects.open()
  for (let n = 0; n < 50; n += 1) {
    const uid = await objects.create(userDraft(`user-${n}`))
    expect(objects.cache.get('User', uid).metadata.name).toBe(`user-${n}`)
  }
})

test('many who amend one object at once are all heard', async () => {
  await using objects = await Objects.open()
  const { cache, writer } = objects
  const uid = await objects.create(userDraft('alice'))
  const types = Array.from({ length: 15 }, (_, n) => `Type${n}`)
  await Promise.all(
    types.map((type) =>
      writer.amend('User', uid, (before) => {
        const condition = { type, status: 'True' as const, reason: 'Said', message: '' }
        const conditions = withCondition(before.status.conditions, condition, now)
        return { type: 'status', before, status: { ...before.status, conditions } }
      }),
    ),
  )
  const heard = cache.get('User', uid).status.conditions.map(({ type }) => type)
  expect(heard.toSorted()).toEqual(types.toSorted())
})

test('nothing is written for an object that is gone, nor without a decision', async () => {
  await using objects = await Objects.open()
  const { store, writer } = objects
  const uid = await objects.create(userDraft('alice'))
  const revision = await store.revision()
  await writer.amend('User', newUid(), (before) => ({ type: 'requestDeletion', before }))
  await writer.amend('Project', uid, (before) => ({ type: 'requestDeletion', before }))
  await writer.amend('User', uid, () => undefined)
  await writer.commit([])
  expect(await store.revision()).toBe(revision)
})

test('keys of others go with a transaction, or keep it from happening', async () => {
  await using objects = await Objects.open()
  const { store, cache, writer } = objects
  const changes = [{ type: 'create', draft: projectDraft('shop') }] as const
  const writes = [{ put: 'operation/1', value: { running: true } }]
  await writer.commit(changes, { writes })
  expect((await store.get('operation/1')).value).toEqual({ running: true })
  const extras = { preconditions: [{ key: 'operation/1', is: 'absent' as const }], writes }
  const another = [{ type: 'create', draft: projectDraft('other') }] as const
  await expect(writer.commit(another, extras)).rejects.toMatchObject({ path: 'operation/1' })
  expect(cache.list('Project').map(({ metadata }) => metadata.name)).toEqual(['shop'])
})

test('who waits for a write is let go when nobody follows the store any more', async () => {
  const objects = await Objects.open()
  const { cache, store } = objects
  let isLetGo = false
  const waiting = cache.caughtUp((await store.revision()) + 1).then(() => (isLetGo = true))
  await Promise.resolve()
  expect(isLetGo).toBe(false)
  await objects[Symbol.asyncDispose]()
  expect(await waiting).toBe(true)
})
