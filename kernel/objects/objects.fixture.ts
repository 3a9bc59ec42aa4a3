import { TestClock } from '@polis/lib/test-clock'
import { newUid } from '@polis/lib/uid'
import type { Role } from '@polis/resources/role-binding'
import { kindNames, type PolisObject } from '@polis/resources/registry'
import { openMemoryStore } from '../store/memory-store.ts'
import type { Store } from '../store/store.ts'
import type { Draft } from './change.ts'
import { toDocument } from './codec.ts'
import { objectKey } from './keys.ts'
import { ObjectCache, type ObjectReader } from './object-cache.ts'
import { ObjectWriter } from './object-writer.ts'

/** Objects of a store in memory, with a cache that follows it. */
export class Objects implements AsyncDisposable {
  readonly clock = new TestClock()
  readonly store: Store
  readonly cache: ObjectCache
  readonly writer: ObjectWriter
  readonly #closing = new AbortController()
  #following: Promise<void> = Promise.resolve()

  constructor(store?: Store) {
    this.store = store ?? openMemoryStore({ clock: this.clock })
    this.cache = new ObjectCache(this.store)
    this.writer = new ObjectWriter({ store: this.store, cache: this.cache, clock: this.clock })
  }

  static async open(): Promise<Objects> {
    const objects = new Objects()
    await objects.cache.load()
    objects.#following = objects.cache.follow(objects.#closing.signal)
    return objects
  }

  /** Makes objects in one transaction. Returns the uid of the first. */
  async create(...drafts: readonly Draft[]): Promise<string> {
    await this.writer.commit(drafts.map((draft) => ({ type: 'create', draft })))
    return drafts[0]?.metadata.uid ?? ''
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort()
    await this.#following
    await this.store.close()
  }
}

/** A reader of these objects and no others, whatever they refer to. */
export async function readerOf(objects: readonly PolisObject[]): Promise<ObjectReader> {
  const store = openMemoryStore({ clock: new TestClock() })
  for (const object of objects) {
    await store.transact({
      writes: [{ put: objectKey(object.metadata.uid), value: toDocument(object) }],
    })
  }
  const cache = new ObjectCache(store)
  await cache.load()
  await store.close()
  return cache
}

/** All that a reader knows, in an order of its own: equal for equal readers. */
export function portraitOf(reader: ObjectReader): unknown {
  const objects = kindNames.flatMap((kind) => reader.list(kind))
  return objects
    .toSorted((a, b) => (a.metadata.uid < b.metadata.uid ? -1 : 1))
    .map((object) => {
      const { uid, projectUid, name } = object.metadata
      const owned = kindNames.flatMap((kind) => reader.ownedBy(kind, uid))
      return {
        object,
        byName: reader.findByName(object.kind, projectUid, name)?.metadata.uid,
        owned: owned.map(({ metadata }) => metadata.uid).toSorted(),
        guards: reader
          .guardsOf(uid)
          .map(({ metadata }) => metadata.uid)
          .toSorted(),
      }
    })
}

export function projectDraft(name: string): Draft<'Project'> {
  return { kind: 'Project', metadata: { uid: newUid(), name }, spec: { quotas: {} } }
}

export function userDraft(name: string): Draft<'User'> {
  return { kind: 'User', metadata: { uid: newUid(), name }, spec: { isBlocked: false } }
}

/** Guards its user and its project, and claims the pair of them. */
export function bindingDraft(userUid: string, projectUid: string): Draft<'RoleBinding'> {
  const role: Role = 'viewer'
  const uid = newUid()
  return {
    kind: 'RoleBinding',
    metadata: { uid, name: uid, ownerUid: userUid },
    spec: { userUid, projectUid, role },
  }
}

/** Claims its host. */
export function domainDraft(host: string, name = host, projectUid = 'p'): Draft<'Domain'> {
  return {
    kind: 'Domain',
    metadata: { uid: newUid(), name, projectUid },
    spec: { host, tls: 'off' },
  }
}
