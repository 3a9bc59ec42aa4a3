import { newUid } from '@polis/lib/uid'
import type { KindName, PolisObject } from '@polis/resources/registry'
import { isSame } from '../controller/report.ts'
import type { Draft, ObjectChange } from '../objects/change.ts'
import type { ObjectReader } from '../objects/object-cache.ts'

/** Gathers the changes that lead from what is there to what is wanted. */
export class Expansion {
  readonly reader: ObjectReader
  readonly #changes: ObjectChange[] = []
  readonly #kept = new Set<string>()

  constructor(reader: ObjectReader) {
    this.reader = reader
  }

  get changes(): readonly ObjectChange[] {
    return this.#changes
  }

  /** Uids of everything that was wanted. */
  get kept(): ReadonlySet<string> {
    return this.#kept
  }

  /**
   * Makes sure that an object of that name exists with that spec. Returns its uid, new or old. A function makes the
   * spec of a new object from its uid, and leaves one that is there as it is.
   */
  want<Name extends KindName>(
    kind: Name,
    metadata: {
      readonly name: string
      readonly projectUid: string | undefined
      readonly ownerUid: string
    },
    wanted: PolisObject<Name>['spec'] | ((uid: string) => PolisObject<Name>['spec']),
  ): string {
    const before = this.reader.findByName(kind, metadata.projectUid, metadata.name)
    if (before !== undefined) {
      this.#kept.add(before.metadata.uid)
      if (before.metadata.deletionRequestedAt !== undefined) {
        // Wanted again before it was gone; its spec is looked at when that has been taken back.
        this.#changes.push({ type: 'cancelDeletion', before })
      } else if (typeof wanted !== 'function' && !isSame(before.spec, wanted)) {
        // One kind for both by the signature; the union of changes cannot say so.
        this.#changes.push({ type: 'spec', before, spec: wanted } as ObjectChange)
      }
      return before.metadata.uid
    }
    const { name, projectUid, ownerUid } = metadata
    const uid = newUid()
    this.#kept.add(uid)
    const draft = {
      kind,
      metadata: { uid, name, ownerUid, ...(projectUid === undefined ? {} : { projectUid }) },
      spec: typeof wanted === 'function' ? wanted(uid) : wanted,
    } as Draft
    this.#changes.push({ type: 'create', draft })
    return uid
  }

  /** Asks for removal, unless that was done before. */
  release(object: PolisObject): void {
    if (object.metadata.deletionRequestedAt !== undefined) return
    this.#changes.push({ type: 'requestDeletion', before: object })
  }
}
