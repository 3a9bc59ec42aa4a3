import { PolisError } from '@polis/lib/error'
import type { KindName, PolisObject } from '@polis/resources/registry'
import { type Change, CompactedError, type Store } from '../store/store.ts'
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

  /** Reads everything, as it is at one revision; call once before anything else. */
  async load(): Promise<void> {
    for (;;) {
      try {
        await this.#readAll()
        return
      } catch (error) {
        // History went past the snapshot in the middle of it: begin again on a newer one.
        if (!(error instanceof CompactedError)) throw error
      }
    }
  }

  /** Follows the store until the signal aborts. Rejects when the store closes. */
  async follow(signal: AbortSignal): Promise<void> {
    this.#hasEnded = false
    try {
      while (!signal.aborted) await this.#watch(signal)
    } catch (error) {
      if (!signal.aborted) throw error
    } finally {
      // Whoever still waits would wait for ever.
      this.#hasEnded = true
      for (const waiter of this.#waiters) waiter.wake()
      this.#waiters.clear()
    }
  }

  /** Resolves when everything up to `revision` has been seen (read your own writes), or nothing more will be. */
  async caughtUp(revision: number): Promise<void> {
    if (this.#revision >= revision || this.#hasEnded) return
    await new Promise<void>((wake) => this.#waiters.add({ revision, wake }))
  }

  /** Calls `listener`, which must not throw, after each change until the returned function is called. */
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

  /** All pages first, then one change of the cache: nobody sees half of a reload. */
  async #readAll(): Promise<void> {
    const found = new Map<string, PolisObject>()
    let page = await this.#store.list(OBJECT_PREFIX)
    for (;;) {
      for (const entry of page.entries) found.set(uidOf(entry.key), fromEntry(entry))
      if (page.cursor === undefined) break
      page = await this.#store.list(OBJECT_PREFIX, { cursor: page.cursor })
    }
    const gone = [...this.#objects.values()].filter(({ metadata }) => !found.has(metadata.uid))
    const changed = [...found.values()].filter(
      ({ metadata, revision }) => this.#objects.get(metadata.uid)?.revision !== revision,
    )
    this.#apply([
      ...gone.map((before) => ({ before, after: undefined })),
      ...changed.map((after) => ({ before: this.#objects.get(after.metadata.uid), after })),
    ])
    this.#reached(page.revision)
  }

  /** Applies changes as they come; a history that was forgotten is made up for by reading everything again. */
  async #watch(signal: AbortSignal): Promise<void> {
    const options = { prefix: OBJECT_PREFIX, from: this.#revision }
    try {
      for await (const batch of this.#store.watch(options, signal)) {
        this.#apply(batch.changes.map((change) => this.#toEvent(change)))
        this.#reached(batch.revision)
      }
    } catch (error) {
      if (signal.aborted || !(error instanceof CompactedError)) throw error
      await this.load()
    }
  }

  #toEvent(change: Change): ObjectEvent {
    return change.type === 'put'
      ? { before: this.#objects.get(uidOf(change.entry.key)), after: fromEntry(change.entry) }
      : { before: this.#objects.get(uidOf(change.key)), after: undefined }
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
    const called = nameIndex(object.kind, projectUid, name)
    // The name may have gone to another object already.
    if (this.#byName.get(called) === uid) this.#byName.delete(called)
    if (ownerUid !== undefined) takeFrom(this.#byOwner, ownerUid, uid)
    for (const target of guardedBy(object)) takeFrom(this.#guards, target, uid)
  }

  #reached(revision: number): void {
    this.#revision = revision
    for (const waiter of this.#waiters) {
      if (waiter.revision > revision) continue
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
