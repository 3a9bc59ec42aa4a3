import { PolisError } from '@polis/lib/error'
import type { Clock } from '@polis/lib/clock'
import type { Actor, Kernel, SignedIn } from '@polis/kernel/kernel'
import type { ObjectReader } from '@polis/kernel/object-cache'
import { type KindName, kindNames, type PolisObject } from '@polis/resources/registry'

/** What every resolver is given: one request's kernel, caller and means. */
export interface ApiContext {
  readonly kernel: Kernel
  readonly clock: Clock
  readonly version: string
  /** The caller; undefined: not signed in. */
  readonly actor: Actor | undefined
  /** What the caller showed, so that open streams can ask again whether it still holds. */
  readonly tokenText: string | undefined
  readonly requestId: string
  readonly clientAddress: string
  /** Where people find this installation, as the request addressed it. */
  readonly origin: string
  /** Puts a session into the answer's cookie; undefined: ends the one there is. */
  readonly setSession: (session: SignedIn | undefined) => void
  /** Counts an open stream; call the result when it has ended. */
  readonly streamOpened: () => () => void
  /** Aborts when the server closes. */
  readonly closing: AbortSignal
  readonly lookup: Lookup
}

/** The caller, or Unauthenticated. */
export function callerOf({ actor }: Pick<ApiContext, 'actor'>): Actor {
  if (actor !== undefined) return actor
  throw new PolisError('Unauthenticated', 'nobody is signed in', {
    hint: 'sign in, or send `Authorization: Bearer TOKEN`',
  })
}

type UidOf<Name extends KindName> = (object: PolisObject<Name>) => string | undefined

/** Reading for one request: what the caller may see, with look-ups by reference built once and only when asked for. */
export class Lookup {
  readonly #open: () => ObjectReader
  #reader: ObjectReader | undefined
  readonly #indexes = new Map<unknown, ReadonlyMap<string, readonly PolisObject[]>>()

  constructor(open: () => ObjectReader) {
    this.#open = open
  }

  get reader(): ObjectReader {
    this.#reader ??= this.#open()
    return this.#reader
  }

  /** What was looked up counts no longer: time has passed. */
  forget(): void {
    this.#reader = undefined
    this.#indexes.clear()
  }

  /** The object with this uid, of whatever kind. */
  findAny(uid: string | undefined): PolisObject | undefined {
    for (const kind of kindNames) {
      const found = this.reader.find(kind, uid)
      if (found !== undefined) return found
    }
    return undefined
  }

  /** Objects of `kind` for which `uidOf` gives `uid`. The index is kept by the identity of `uidOf`. */
  pointingAt<Name extends KindName>(
    kind: Name,
    uidOf: UidOf<Name>,
    uid: string,
  ): readonly PolisObject<Name>[] {
    const index = this.#indexes.get(uidOf) ?? this.#build(kind, uidOf)
    const found = index.get(uid) ?? []
    return found.filter((object): object is PolisObject<Name> => object.kind === kind)
  }

  #build<Name extends KindName>(
    kind: Name,
    uidOf: UidOf<Name>,
  ): ReadonlyMap<string, readonly PolisObject[]> {
    const index = new Map<string, PolisObject[]>()
    for (const object of this.reader.list(kind)) {
      const key = uidOf(object)
      if (key === undefined) continue
      const siblings = index.get(key)
      if (siblings === undefined) index.set(key, [object])
      else siblings.push(object)
    }
    this.#indexes.set(uidOf, index)
    return index
  }
}
