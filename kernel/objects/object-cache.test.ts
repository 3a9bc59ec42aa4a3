import { PolisError } from '@polis/lib/error'
import { until } from '@polis/lib/until'
import { kindNames } from '@polis/resources/registry'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Store } from '../store/store.ts'
import { runHistory, step, storedIndex, indexOf } from './history.fixture.ts'
import { type ObjectEvent, ObjectCache } from './object-cache.ts'
import {
  bindingDraft,
  domainDraft,
  Objects,
  portraitOf,
  projectDraft,
  userDraft,
} from './objects.fixture.ts'

async function loaded(store: Store): Promise<ObjectCache> {
  const cache = new ObjectCache(store)
  await cache.load()
  return cache
}

describe('whatever happened', () => {
  test('the cache is what a fresh load gives, and the store keeps no key too many or too few', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(step, { maxLength: 4 }), { maxLength: 25 }),
        async (history) => {
          await using objects = await Objects.open()
          await runHistory(objects, history)
          expect(portraitOf(objects.cache)).toEqual(portraitOf(await loaded(objects.store)))
          expect(await storedIndex(objects.store)).toEqual(indexOf(objects.cache))
        },
      ),
      { numRuns: 60 },
    )
  })

  test('whoever is told of every event can tell what there is', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(step, { maxLength: 4 }), { maxLength: 25 }),
        async (history) => {
          await using objects = await Objects.open()
          const mirror = new Map<string, unknown>()
          objects.cache.subscribe((events) => {
            for (const event of events) mirrored(mirror, event)
          })
          await runHistory(objects, history)
          expect(mirror).toEqual(new Map(objectsOf(objects.cache)))
        },
      ),
      { numRuns: 30 },
    )
  })

  test('a cache that was away while history was forgotten is again what a fresh load gives', async () => {
    const histories = fc.array(fc.array(step, { maxLength: 4 }), { maxLength: 12 })
    await fc.assert(
      fc.asyncProperty(histories, histories, async (seen, missed) => {
        await using objects = await Objects.open()
        await runHistory(objects, seen)
        const away = await loaded(objects.store)
        const mirror = new Map(objectsOf(away))
        away.subscribe((events) => {
          for (const event of events) mirrored(mirror, event)
        })
        await runHistory(objects, missed)
        await objects.store.compact(await objects.store.revision())
        await using _ = following(away)
        await away.caughtUp(await objects.store.revision())
        expect(portraitOf(away)).toEqual(portraitOf(objects.cache))
        expect(mirror).toEqual(new Map(objectsOf(away)))
      }),
      { numRuns: 60 },
    )
  })
})

test('a name that changed hands while nobody looked leads to the new object', async () => {
  await using objects = await Objects.open()
  const first = await objects.create(userDraft('alice'))
  const away = await loaded(objects.store)
  await objects.writer.commit([{ type: 'remove', before: objects.cache.get('User', first) }])
  const second = await objects.create(userDraft('alice'))
  await objects.store.compact(await objects.store.revision())
  await using _ = following(away)
  await away.caughtUp(await objects.store.revision())
  expect(away.findByName('User', undefined, 'alice')?.metadata.uid).toBe(second)
})

test('history forgotten in the middle of a load makes it begin again', async () => {
  await using objects = await Objects.open()
  await manyUsers(objects)
  let pages = 0
  const store: Store = Object.assign(Object.create(objects.store) as Store, {
    list: async (...args: Parameters<Store['list']>) => {
      pages += 1
      const page = await objects.store.list(...args)
      if (pages === 1) {
        await objects.create(userDraft('late'))
        await objects.store.compact(await objects.store.revision())
      }
      return page
    },
  })
  const cache = await loaded(store)
  expect(portraitOf(cache)).toEqual(portraitOf(objects.cache))
  expect(cache.findByName('User', undefined, 'late')).toBeDefined()
})

test('nobody is told that a revision has been seen before all of it was read', async () => {
  await using objects = await Objects.open()
  await manyUsers(objects)
  let isHeldBack = true
  let isAsked = false
  const store: Store = Object.assign(Object.create(objects.store) as Store, {
    list: async (...[prefix, options]: Parameters<Store['list']>) => {
      if (options?.cursor !== undefined) {
        isAsked = true
        await until(() => !isHeldBack, { deadlineMs: 5_000, everyMs: 1, what: 'nothing holds it' })
      }
      return await objects.store.list(prefix, options)
    },
  })
  const cache = new ObjectCache(store)
  const loading = cache.load()
  await until(() => isAsked, { deadlineMs: 5_000, everyMs: 1, what: 'the second page' })
  let hasCaughtUp = false
  const waiting = cache.caughtUp(await objects.store.revision()).then(() => (hasCaughtUp = true))
  await Promise.resolve()
  expect([hasCaughtUp, cache.list('User')]).toEqual([false, []])
  isHeldBack = false
  await Promise.all([loading, waiting])
  expect(cache.list('User')).toHaveLength(USERS)
})

test('a listener is told no more once it has unsubscribed', async () => {
  await using objects = await Objects.open()
  const heard: number[] = []
  const unsubscribe = objects.cache.subscribe((events) => heard.push(events.length))
  await objects.create(userDraft('alice'))
  unsubscribe()
  await objects.create(userDraft('bob'))
  expect(heard).toEqual([1])
})

test('an object is found as what it is only', async () => {
  await using objects = await Objects.open()
  const uid = await objects.create(userDraft('alice'))
  expect(objects.cache.find('Project', uid)).toBeUndefined()
  expect(objects.cache.find('User', undefined)).toBeUndefined()
  expect(() => objects.cache.get('Project', uid)).toThrow(
    expect.objectContaining({ code: 'NotFound' }),
  )
  expect(objects.cache.ownedBy('Project', uid)).toEqual([])
})

test('who owns and who guards whom is known both ways', async () => {
  await using objects = await Objects.open()
  const [user, project] = [userDraft('alice'), projectDraft('shop')]
  const binding = bindingDraft(user.metadata.uid, project.metadata.uid)
  await objects.create(user, project, binding, domainDraft('shop.example'))
  const uids = (list: readonly { readonly metadata: { readonly uid: string } }[]): string[] =>
    list.map(({ metadata }) => metadata.uid)
  const bound = [binding.metadata.uid]
  expect(uids(objects.cache.ownedBy('RoleBinding', user.metadata.uid))).toEqual(bound)
  expect(uids(objects.cache.guardsOf(user.metadata.uid))).toEqual(bound)
  expect(uids(objects.cache.guardsOf(project.metadata.uid))).toEqual(bound)
})

const USERS = 1_010

/** More objects than a page of the store holds. */
async function manyUsers(objects: Objects): Promise<void> {
  for (let n = 0; n < USERS; n += 10) {
    await objects.create(...Array.from({ length: 10 }, (_, k) => userDraft(`user-${n + k}`)))
  }
}

function following(cache: ObjectCache): AsyncDisposable {
  const closing = new AbortController()
  const done = cache.follow(closing.signal)
  return {
    async [Symbol.asyncDispose]() {
      closing.abort()
      await done
    },
  }
}

function objectsOf(cache: ObjectCache): readonly (readonly [string, unknown])[] {
  return kindNames.flatMap((kind) =>
    cache.list(kind).map((object) => [object.metadata.uid, object] as const),
  )
}

/** Throws when an event does not go on from where the last one of its object ended. */
function mirrored(mirror: Map<string, unknown>, { before, after }: ObjectEvent): void {
  const uid = (after ?? before)?.metadata.uid ?? ''
  if (mirror.get(uid) !== before) throw new PolisError('Internal', `an event of ${uid} is missing`)
  if (after === undefined) mirror.delete(uid)
  else mirror.set(uid, after)
}
