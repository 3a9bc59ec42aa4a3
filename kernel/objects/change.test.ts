import { PolisError } from '@polis/lib/error'
import { withTrace } from '@polis/lib/trace'
import { describe, expect, test } from 'vitest'
import type { ObjectChange } from './change.ts'
import { bindingDraft, domainDraft, Objects, projectDraft, userDraft } from './objects.fixture.ts'

/** How each of several that raced ended. */
async function outcomes(racing: readonly Promise<unknown>[]): Promise<readonly string[]> {
  const results = await Promise.allSettled(racing)
  return results.map((result) => {
    if (result.status === 'fulfilled') return 'done'
    return result.reason instanceof PolisError ? result.reason.code : String(result.reason)
  })
}

describe('names', () => {
  test('of two that make one name at once, one wins', async () => {
    await using objects = await Objects.open()
    const racing = [objects.create(userDraft('alice')), objects.create(userDraft('alice'))]
    expect((await outcomes(racing)).toSorted()).toEqual(['Aborted', 'done'])
    expect(objects.cache.list('User')).toHaveLength(1)
  })

  test('another project and another kind have names of their own', async () => {
    await using objects = await Objects.open()
    await objects.create(domainDraft('a.example', 'shop', 'p1'))
    await objects.create(domainDraft('b.example', 'shop', 'p2'))
    await objects.create(userDraft('shop'))
    expect(objects.cache.findByName('Domain', 'p1', 'shop')?.spec.host).toBe('a.example')
    expect(objects.cache.findByName('Domain', 'p2', 'shop')?.spec.host).toBe('b.example')
    expect(objects.cache.findByName('User', undefined, 'shop')?.kind).toBe('User')
  })

  test('a removed object gives its name and claims back', async () => {
    await using objects = await Objects.open()
    const uid = await objects.create(domainDraft('shop.example'))
    await objects.writer.commit([{ type: 'remove', before: objects.cache.get('Domain', uid) }])
    await objects.create(domainDraft('shop.example'))
    expect(objects.cache.list('Domain')).toHaveLength(1)
  })
})

describe('claims', () => {
  test('of two that claim one host at once, one wins, whatever their names', async () => {
    await using objects = await Objects.open()
    const racing = ['a', 'b', 'c'].map((name) => objects.create(domainDraft('shop.example', name)))
    expect((await outcomes(racing)).toSorted()).toEqual(['Aborted', 'Aborted', 'done'])
  })

  test('a claim moves with the spec: the old host is free, the new one taken', async () => {
    await using objects = await Objects.open()
    const uid = await objects.create(domainDraft('old.example', 'a'))
    const before = objects.cache.get('Domain', uid)
    await objects.writer.commit([
      { type: 'spec', before, spec: { ...before.spec, host: 'new.example' } },
    ])
    await objects.create(domainDraft('old.example', 'b'))
    await expect(objects.create(domainDraft('new.example', 'c'))).rejects.toMatchObject({
      code: 'Aborted',
      path: 'claim/domain/new.example',
    })
  })

  test('who cannot have a claim keeps what it had', async () => {
    await using objects = await Objects.open()
    await objects.create(domainDraft('taken.example', 'a'))
    const uid = await objects.create(domainDraft('mine.example', 'b'))
    const before = objects.cache.get('Domain', uid)
    const wanted = { ...before.spec, host: 'taken.example' }
    await expect(
      objects.writer.commit([{ type: 'spec', before, spec: wanted }]),
    ).rejects.toMatchObject({ code: 'Aborted' })
    expect(objects.cache.get('Domain', uid)).toEqual(before)
    await expect(objects.create(domainDraft('mine.example', 'c'))).rejects.toMatchObject({
      path: 'claim/domain/mine.example',
    })
  })
})

describe('references', () => {
  test('what is referred to stays until nobody refers to it', async () => {
    await using objects = await Objects.open()
    const { cache, writer } = objects
    const userUid = await objects.create(userDraft('alice'))
    const projectUid = await objects.create(projectDraft('shop'))
    const bindingUid = await objects.create(bindingDraft(userUid, projectUid))
    const removeUser = (): Promise<void> =>
      writer.commit([{ type: 'remove', before: cache.get('User', userUid) }])
    await expect(removeUser()).rejects.toMatchObject({ code: 'Aborted', path: `guard/${userUid}/` })
    await writer.commit([{ type: 'remove', before: cache.get('RoleBinding', bindingUid) }])
    await removeUser()
    expect(cache.find('User', userUid)).toBeUndefined()
  })

  test('a reference moves with the spec: the old target may go, the new one may not', async () => {
    await using objects = await Objects.open()
    const { cache, writer } = objects
    const [alice, bob] = [userDraft('alice'), userDraft('bob')]
    const project = projectDraft('shop')
    await objects.create(alice, bob, project)
    const uid = await objects.create(bindingDraft(alice.metadata.uid, project.metadata.uid))
    const before = cache.get('RoleBinding', uid)
    const spec = { ...before.spec, userUid: bob.metadata.uid }
    await writer.commit([{ type: 'spec', before, spec }])
    await writer.commit([{ type: 'remove', before: cache.get('User', alice.metadata.uid) }])
    await expect(
      writer.commit([{ type: 'remove', before: cache.get('User', bob.metadata.uid) }]),
    ).rejects.toMatchObject({ code: 'Aborted' })
  })

  test('nothing refers to what is not there', async () => {
    await using objects = await Objects.open()
    const user = userDraft('alice')
    const binding = bindingDraft(user.metadata.uid, 'no-such-project')
    await expect(objects.create(user, binding)).rejects.toMatchObject({
      code: 'Aborted',
      path: 'object/no-such-project',
    })
    expect(objects.cache.list('User')).toEqual([])
  })

  test('objects made together may refer to each other, in any order', async () => {
    await using objects = await Objects.open()
    const [user, project] = [userDraft('alice'), projectDraft('shop')]
    const binding = bindingDraft(user.metadata.uid, project.metadata.uid)
    await objects.create(binding, user, project)
    expect(objects.cache.guardsOf(user.metadata.uid)).toHaveLength(1)
  })

  test('of a removal and a reference at once, one wins, and nobody refers to what is gone', async () => {
    for (const order of ['removal first', 'reference first']) {
      await using objects = await Objects.open()
      const { cache, writer } = objects
      const [user, project] = [userDraft('alice'), projectDraft('shop')]
      await objects.create(user, project)
      const before = cache.get('User', user.metadata.uid)
      const remove = (): Promise<void> => writer.commit([{ type: 'remove', before }])
      const refer = (): Promise<string> =>
        objects.create(bindingDraft(user.metadata.uid, project.metadata.uid))
      const racing = order === 'removal first' ? [remove(), refer()] : [refer(), remove()]
      expect(await outcomes(racing)).toEqual(['done', 'Aborted'])
      const isThere = cache.find('User', user.metadata.uid) !== undefined
      expect(cache.list('RoleBinding')).toHaveLength(isThere ? 1 : 0)
    }
  })
})

describe('changes', () => {
  test('a spec counts its generations, a status does not', async () => {
    await using objects = await Objects.open()
    const { cache, writer } = objects
    const uid = await objects.create(userDraft('alice'))
    expect(cache.get('User', uid).metadata.generation).toBe(1)
    const first = cache.get('User', uid)
    await writer.commit([{ type: 'spec', before: first, spec: { isBlocked: true } }])
    const second = cache.get('User', uid)
    expect(second.metadata.generation).toBe(2)
    const status = { observedGeneration: 2, conditions: [] }
    await writer.commit([{ type: 'status', before: second, status }])
    expect(cache.get('User', uid)).toMatchObject({
      metadata: { generation: 2 },
      spec: { isBlocked: true },
      status,
    })
  })

  test('a change of what somebody else has changed meanwhile is not done', async () => {
    await using objects = await Objects.open()
    const { cache, writer } = objects
    const uid = await objects.create(userDraft('alice'))
    const before = cache.get('User', uid)
    const stale: readonly ObjectChange[] = [
      { type: 'spec', before, spec: { isBlocked: false } },
      { type: 'status', before, status: { observedGeneration: 9, conditions: [] } },
      { type: 'requestDeletion', before },
      { type: 'cancelDeletion', before },
      { type: 'remove', before },
    ]
    await writer.commit([{ type: 'spec', before, spec: { isBlocked: true } }])
    const current = cache.get('User', uid)
    const ended = await outcomes(stale.map((change) => writer.commit([change])))
    expect(ended).toEqual(stale.map(() => 'Aborted'))
    expect(cache.get('User', uid)).toEqual(current)
  })

  test('all of a transaction or nothing', async () => {
    await using objects = await Objects.open()
    await objects.create(userDraft('bob'))
    await expect(objects.create(userDraft('alice'), userDraft('bob'))).rejects.toMatchObject({
      path: 'name/User/-/bob',
    })
    expect(objects.cache.list('User').map(({ metadata }) => metadata.name)).toEqual(['bob'])
  })

  test('a request for removal keeps its first time, and can be taken back', async () => {
    await using objects = await Objects.open()
    const { cache, writer, clock } = objects
    const uid = await objects.create(userDraft('alice'))
    const mark = (): string | undefined => cache.get('User', uid).metadata.deletionRequestedAt
    await writer.commit([{ type: 'requestDeletion', before: cache.get('User', uid) }])
    const first = mark()
    clock.advance(1_000)
    await writer.commit([{ type: 'requestDeletion', before: cache.get('User', uid) }])
    expect([mark(), first]).toEqual([first, '2026-01-01T00:00:00.000Z'])
    await writer.commit([{ type: 'cancelDeletion', before: cache.get('User', uid) }])
    expect(mark()).toBeUndefined()
    expect(cache.get('User', uid).metadata.generation).toBe(1)
  })

  test('the request that changed intent last is written down; a status is nobody’s request', async () => {
    await using objects = await Objects.open()
    const { cache, writer } = objects
    const uid = await withTrace({ requestId: 'r1' }, () => objects.create(userDraft('alice')))
    const before = cache.get('User', uid)
    expect(before.metadata.requestId).toBe('r1')
    await withTrace({ requestId: 'r2' }, () =>
      writer.commit([{ type: 'status', before, status: before.status }]),
    )
    expect(cache.get('User', uid).metadata.requestId).toBe('r1')
    await withTrace({ requestId: 'r3' }, () =>
      writer.commit([{ type: 'requestDeletion', before: cache.get('User', uid) }]),
    )
    expect(cache.get('User', uid).metadata.requestId).toBe('r3')
  })
})
