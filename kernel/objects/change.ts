import type { Metadata } from '@polis/resources/object'
import { type KindName, kinds, type PolisObject } from '@polis/resources/registry'
import type { Precondition, Write } from '../store/store.ts'
import { toDocument } from './codec.ts'
import { claimKey, guardKey, guardPrefix, nameKey, objectKey } from './keys.ts'

/** A new object as its author gives it. */
export type Draft<Name extends KindName = KindName> = {
  [Key in Name]: {
    readonly kind: Key
    readonly metadata: Pick<Metadata, 'uid' | 'name' | 'projectUid' | 'ownerUid'>
    readonly spec: PolisObject<Key>['spec']
  }
}[Name]

/** One step of a transaction on objects. `before` is the object as it was read: a later change of it aborts. */
export type ObjectChange =
  | { readonly type: 'create'; readonly draft: Draft }
  | SpecChange
  | StatusChange
  /** Asks for removal; its controller cleans up and then removes it. */
  | { readonly type: 'requestDeletion'; readonly before: PolisObject }
  /** Takes a request for removal back. */
  | { readonly type: 'cancelDeletion'; readonly before: PolisObject }
  /** Takes the object out of the store, provided nothing guards it. */
  | { readonly type: 'remove'; readonly before: PolisObject }

type SpecChange = {
  [Key in KindName]: {
    readonly type: 'spec'
    readonly before: PolisObject<Key>
    readonly spec: PolisObject<Key>['spec']
  }
}[KindName]

type StatusChange = {
  [Key in KindName]: {
    readonly type: 'status'
    readonly before: PolisObject<Key>
    readonly status: PolisObject<Key>['status']
  }
}[KindName]

export interface ChangeContext {
  readonly now: Date
  readonly requestId: string | undefined
}

interface StoreOperations {
  readonly preconditions: readonly Precondition[]
  readonly writes: readonly Write[]
}

/** What a change means to the store: its claims, names and guards move with the object in one transaction. */
export function toOperations(change: ObjectChange, context: ChangeContext): StoreOperations {
  switch (change.type) {
    case 'create':
      return createOperations(change.draft, context)
    case 'spec':
      return specOperations(change, context)
    case 'status':
      return replaceOperations(change.before, {
        ...change.before,
        status: change.status,
      } as PolisObject)
    case 'requestDeletion': {
      const { metadata } = change.before
      const deletionRequestedAt = metadata.deletionRequestedAt ?? context.now.toISOString()
      return replaceOperations(change.before, {
        ...change.before,
        metadata: { ...metadata, deletionRequestedAt, ...requestIdOf(context) },
      })
    }
    case 'cancelDeletion': {
      const { deletionRequestedAt: _, ...metadata } = change.before.metadata
      return replaceOperations(change.before, { ...change.before, metadata })
    }
    case 'remove':
      return removeOperations(change.before)
  }
}

function createOperations(draft: Draft, context: ChangeContext): StoreOperations {
  const { uid, name, projectUid } = draft.metadata
  const object = {
    kind: draft.kind,
    metadata: {
      ...draft.metadata,
      generation: 1,
      createdAt: context.now.toISOString(),
      ...requestIdOf(context),
    },
    spec: draft.spec,
    status: kinds[draft.kind].newStatus,
  } as PolisObject
  const unique = [nameKey(draft.kind, projectUid, name), ...claimsOf(object).map(claimKey)]
  const targets = guardedBy(object)
  return {
    preconditions: [
      ...[objectKey(uid), ...unique].map((key) => ({ key, is: 'absent' as const })),
      ...targets.map((target) => ({ key: objectKey(target), is: 'present' as const })),
    ],
    writes: [
      { put: objectKey(uid), value: toDocument(object) },
      ...unique.map((key) => ({ put: key, value: uid })),
      ...targets.map((target) => ({ put: guardKey(target, uid), value: draft.kind })),
    ],
  }
}

function specOperations({ before, spec }: SpecChange, context: ChangeContext): StoreOperations {
  const { metadata } = before
  const after = {
    ...before,
    metadata: { ...metadata, generation: metadata.generation + 1, ...requestIdOf(context) },
    spec,
  } as PolisObject
  const { uid } = metadata
  const claims = difference(claimsOf(before).map(claimKey), claimsOf(after).map(claimKey))
  const guards = difference(guardedBy(before), guardedBy(after))
  const replaced = replaceOperations(before, after)
  return {
    preconditions: [
      ...replaced.preconditions,
      ...claims.added.map((key) => ({ key, is: 'absent' as const })),
      ...guards.added.map((target) => ({ key: objectKey(target), is: 'present' as const })),
    ],
    writes: [
      ...replaced.writes,
      ...claims.added.map((key) => ({ put: key, value: uid })),
      ...claims.removed.map((key) => ({ remove: key })),
      ...guards.added.map((target) => ({ put: guardKey(target, uid), value: before.kind })),
      ...guards.removed.map((target) => ({ remove: guardKey(target, uid) })),
    ],
  }
}

function replaceOperations(before: PolisObject, after: PolisObject): StoreOperations {
  const key = objectKey(before.metadata.uid)
  return {
    preconditions: [{ key, revision: before.revision }],
    writes: [{ put: key, value: toDocument(after) }],
  }
}

function removeOperations(before: PolisObject): StoreOperations {
  const { uid, name, projectUid } = before.metadata
  const keys = [
    objectKey(uid),
    nameKey(before.kind, projectUid, name),
    ...claimsOf(before).map(claimKey),
    ...guardedBy(before).map((target) => guardKey(target, uid)),
  ]
  return {
    preconditions: [
      { key: objectKey(uid), revision: before.revision },
      { prefix: guardPrefix(uid), is: 'empty' },
    ],
    writes: keys.map((key) => ({ remove: key })),
  }
}

function claimsOf(object: PolisObject): readonly string[] {
  // Each definition reads the spec of its own kind; the look-up by name loses that.
  const claims = kinds[object.kind].claims as (spec: PolisObject['spec']) => readonly string[]
  return [...new Set(claims(object.spec))]
}

/** Uids of the objects that this one keeps from being removed. */
export function guardedBy(object: Pick<PolisObject, 'kind' | 'spec'>): readonly string[] {
  const references = kinds[object.kind].references as (
    spec: PolisObject['spec'],
  ) => readonly { readonly uid: string; readonly isGuarding: boolean }[]
  return [...new Set(references(object.spec).flatMap((r) => (r.isGuarding ? [r.uid] : [])))]
}

function difference(
  before: readonly string[],
  after: readonly string[],
): { readonly added: readonly string[]; readonly removed: readonly string[] } {
  return {
    added: after.filter((key) => !before.includes(key)),
    removed: before.filter((key) => !after.includes(key)),
  }
}

function requestIdOf({ requestId }: ChangeContext): { readonly requestId?: string } {
  return requestId === undefined ? {} : { requestId }
}
