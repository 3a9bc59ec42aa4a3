import { PolisError } from '@polis/lib/error'
import type { KindName, PolisObject } from '@polis/resources/registry'
import { CompactedError, type ListCursor, type Store } from '../store/store.ts'
import { guardedBy } from './change.ts'
import { fromEntry } from './codec.ts'
import { OBJECT_PREFIX } from './keys.ts'

/** One object came, changed or went. `before` and `after` are never both absent. */
export interface ObjectEvent {
  readonly before: PolisObject | undefined
  readonly after: PolisObject | undefined
}

export type ObjectListener = (events: readonly ObjectEvent[]) => void

/** Reading the installation's objects, all in memory. */
export interface ObjectReader {
  /** Throws NotFound, also for a uid of another kind. */
  get<Name extends KindName>(kind: Name, uid: string): PolisObject<Name>
  find<Name extends KindName>(kind: Name, uid: string | undefined): PolisObject<Name> | undefined
  findByName<Name extends KindName>(
    kind: Name,
    projectUid: string | undefined,
    name: string,
  ): PolisObject<Name> | undefined
  /** In no particular order. */
  list<Name extends KindName>(kind: Name): readonly PolisObject<Name>[]
  /** Objects whose metadata names `ownerUid` as owner. */
  ownedBy<Name extends KindName>(kind: Name, ownerUid: string): readonly PolisObject<Name>[]
  /** Objects that keep `uid` from being removed. */
  guardsOf(uid: string): readonly PolisObject[]
}

/**
 * All objects in memory, kept current by one watch. Reads may be a moment old: writers name the revision they
 * read, so a decision on old facts aborts instead of doing harm.
 */
export class ObjectCache implements ObjectReader {
  readonly #store: Store
  readonly #objects = new Map<string, PolisObject>()
  readonly #byKind = new Map<KindName, Map<string, PolisObject>>()
  readonly #byName = new Map<string, string>()
  readonly #byOwner = new Map<string, Set<string>>()
  readonly #guards = new Map<string, Set<string>>()
  readonly #listeners = new Set<ObjectListener>()
  readonly #waiters = new Set<{ readonly revision: number; readonly wake: () => void }>()
  #revision = 0
  #hasEnded = false

  constructor(store: Store) {
    this.#store = store
  }

  /** Reads everything; call once before anything else. */
  async load(): Promise<void> {
    let cursor: ListCursor | undefined
    const seen = new Set<string>()
    do {
      const page = await this.#store.list(OBJECT_PREFIX, cursor === undefined ? {} : { cursor })
      const objects = page.entries.map((entry) => fromEntry(entry))
      for (const object of objects) seen.add(object.metadata.uid)
      this.#apply(
        objects.map((after) => ({ before: this.#objects.get(after.metadata.uid), after })),
      )
      this.#revision = page.revision
      cursor = page.cursor
    } while (cursor !== undefined)
    const stale = [...this.#objects.values()].filter((object) => !seen.has(object.metadata.uid))
    this.#apply(stale.map((before) => ({ before, after: undefined })))
    this.#wake()
  }

  /** Follows the store until the signal aborts. Rejects when the store closes. */
  async follow(signal: AbortSignal): Promise<void> {
    this.#hasEnded = false
    try {
      await this.#followUntil(signal)
    } finally {
      // Whoever still waits would wait for ever.
      this.#hasEnded = true
      for (const waiter of this.#waiters) waiter.wake()
      this.#waiters.clear()
    }
  }

  async #followUntil(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        for await (const batch of this.#store.watch(
          { prefix: OBJECT_PREFIX, from: this.#revision },
          signal,
        )) {
          this.#apply(
            batch.changes.map((change) =>
              change.type === 'put'
                ? {
                    before: this.#objects.get(uidOf(change.entry.key)),
                    after: fromEntry(change.entry),
                  }
                : { before: this.#objects.get(uidOf(change.key)), after: undefined },
            ),
          )
          this.#revision = batch.revision
          this.#wake()
        }
      } catch (error) {
        if (signal.aborted) return
        if (!(error instanceof CompactedError)) throw error
        await this.load()
      }
    }
  }

  /** Resolves when everything up to `revision` has been seen (read your own writes), or nothing more will be. */
  async caughtUp(revision: number): Promise<void> {
    if (this.#revision >= revision || this.#hasEnded) return
    await new Promise<void>((wake) => this.#waiters.add({ revision, wake }))
  }

  /** Calls `listener` after each change until the returned function is called. */
  subscribe(listener: ObjectListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  find<Name extends KindName>(kind: Name, uid: string | undefined): PolisObject<Name> | undefined {
    const object = uid === undefined ? undefined : this.#objects.get(uid)
    return object !== undefined && isOfKind(object, kind) ? object : undefined
  }

  get<Name extends KindName>(kind: Name, uid: string): PolisObject<Name> {
    const object = this.find(kind, uid)
    if (object === undefined) throw new PolisError('NotFound', `there is no ${kind} ${uid}`)
    return object
  }

  findByName<Name extends KindName>(
    kind: Name,
    projectUid: string | undefined,
    name: string,
  ): PolisObject<Name> | undefined {
    return this.find(kind, this.#byName.get(nameIndex(kind, projectUid, name)))
  }

  list<Name extends KindName>(kind: Name): readonly PolisObject<Name>[] {
    return this.#ofKind([...(this.#byKind.get(kind)?.values() ?? [])], kind)
  }

  ownedBy<Name extends KindName>(kind: Name, ownerUid: string): readonly PolisObject<Name>[] {
    return this.#ofKind(this.#resolve(this.#byOwner.get(ownerUid)), kind)
  }

  guardsOf(uid: string): readonly PolisObject[] {
    return this.#resolve(this.#guards.get(uid))
  }

  #resolve(uids: ReadonlySet<string> | undefined): readonly PolisObject[] {
    return [...(uids ?? [])].flatMap((uid) => this.#objects.get(uid) ?? [])
  }

  #ofKind<Name extends KindName>(
    objects: readonly PolisObject[],
    kind: Name,
  ): readonly PolisObject<Name>[] {
    return objects.filter((object): object is PolisObject<Name> => isOfKind(object, kind))
  }

  #apply(events: readonly ObjectEvent[]): void {
    const news = events.filter(({ before, after }) => (before ?? after) !== undefined)
    for (const { before, after } of news) {
      if (before !== undefined) this.#unindex(before)
      if (after !== undefined) this.#index(after)
    }
    if (news.length === 0) return
    for (const listener of this.#listeners) listener(news)
  }

  #index(object: PolisObject): void {
    const { uid, name, projectUid, ownerUid } = object.metadata
    this.#objects.set(uid, object)
    const siblings = this.#byKind.get(object.kind) ?? new Map<string, PolisObject>()
    this.#byKind.set(object.kind, siblings.set(uid, object))
    this.#byName.set(nameIndex(object.kind, projectUid, name), uid)
    if (ownerUid !== undefined) addTo(this.#byOwner, ownerUid, uid)
    for (const target of guardedBy(object)) addTo(this.#guards, target, uid)
  }

  #unindex(object: PolisObject): void {
    const { uid, name, projectUid, ownerUid } = object.metadata
    this.#objects.delete(uid)
    this.#byKind.get(object.kind)?.delete(uid)
    this.#byName.delete(nameIndex(object.kind, projectUid, name))
    if (ownerUid !== undefined) takeFrom(this.#byOwner, ownerUid, uid)
    for (const target of guardedBy(object)) takeFrom(this.#guards, target, uid)
  }

  #wake(): void {
    for (const waiter of this.#waiters) {
      if (waiter.revision > this.#revision) continue
      this.#waiters.delete(waiter)
      waiter.wake()
    }
  }
}

function isOfKind<Name extends KindName>(
  object: PolisObject,
  kind: Name,
): object is PolisObject<Name> {
  return object.kind === kind
}

function uidOf(key: string): string {
  return key.slice(OBJECT_PREFIX.length)
}

function nameIndex(kind: KindName, projectUid: string | undefined, name: string): string {
  return `${kind}/${projectUid ?? '-'}/${name}`
}

function addTo(index: Map<string, Set<string>>, key: string, uid: string): void {
  index.set(key, (index.get(key) ?? new Set()).add(uid))
}

function takeFrom(index: Map<string, Set<string>>, key: string, uid: string): void {
  const uids = index.get(key)
  uids?.delete(uid)
  if (uids?.size === 0) index.delete(key)
}
