import { PolisError } from '@polis/lib/error'
import { kindNames, kinds, type PolisObject } from '@polis/resources/registry'
import fc from 'fast-check'
import type { Store } from '../store/store.ts'
import { guardedBy, type ObjectChange } from './change.ts'
import { claimKey, guardKey, nameKey } from './keys.ts'
import type { ObjectReader } from './object-cache.ts'
import {
  bindingDraft,
  domainDraft,
  type Objects,
  projectDraft,
  userDraft,
} from './objects.fixture.ts'

/** One thing somebody tries. `pick` chooses among what is there. */
type Step =
  | { readonly do: 'createUser' | 'createProject' | 'createDomain'; readonly name: string }
  | {
      readonly do: 'bind' | 'rebind' | 'rename' | 'look' | 'mark' | 'unmark' | 'remove'
      readonly pick: number
      readonly other: number
    }

const name = fc.constantFrom('a', 'b', 'c')
const small = fc.nat(7)

/** Few names and few objects, so that steps get in each other's way. */
export const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constantFrom('createUser', 'createProject', 'createDomain'), name }),
  fc.record({
    do: fc.constantFrom('bind', 'rebind', 'rename', 'look', 'mark', 'unmark', 'remove'),
    pick: small,
    other: small,
  }),
)

/** Tries all steps of a round at once, round after round. What is refused because of a race is left at that. */
export async function runHistory(
  objects: Objects,
  rounds: readonly (readonly Step[])[],
): Promise<void> {
  for (const round of rounds) {
    const results = await Promise.allSettled(
      round.map(async (tried) => {
        const change = toChange(objects.cache, tried)
        if (change !== undefined) await objects.writer.commit([change])
      }),
    )
    for (const result of results) {
      if (result.status === 'fulfilled') continue
      const isRace = result.reason instanceof PolisError && result.reason.code === 'Aborted'
      if (!isRace) throw result.reason
    }
  }
}

function toChange(reader: ObjectReader, tried: Step): ObjectChange | undefined {
  switch (tried.do) {
    case 'createUser':
      return { type: 'create', draft: userDraft(tried.name) }
    case 'createProject':
      return { type: 'create', draft: projectDraft(tried.name) }
    case 'createDomain':
      return { type: 'create', draft: domainDraft(`${tried.name}.example`) }
    case 'bind': {
      const user = pickOf(reader.list('User'), tried.pick)
      const project = pickOf(reader.list('Project'), tried.other)
      return (
        user &&
        project && { type: 'create', draft: bindingDraft(user.metadata.uid, project.metadata.uid) }
      )
    }
    case 'rebind': {
      const before = pickOf(reader.list('RoleBinding'), tried.pick)
      const user = pickOf(reader.list('User'), tried.other)
      return (
        before &&
        user && { type: 'spec', before, spec: { ...before.spec, userUid: user.metadata.uid } }
      )
    }
    case 'rename': {
      const before = pickOf(reader.list('Domain'), tried.pick)
      const host = `${['a', 'b', 'c'][tried.other % 3]}.example`
      return before && { type: 'spec', before, spec: { ...before.spec, host } }
    }
    case 'look': {
      const before = pickOf(reader.list('User'), tried.pick)
      const status = { observedGeneration: tried.other, conditions: [] }
      return before && { type: 'status', before, status }
    }
    default: {
      const all = kindNames.flatMap((kind): readonly PolisObject[] => reader.list(kind))
      const before = pickOf(all, tried.pick)
      const type = (
        { mark: 'requestDeletion', unmark: 'cancelDeletion', remove: 'remove' } as const
      )[tried.do]
      return before && { type, before }
    }
  }
}

function pickOf<T>(list: readonly T[], pick: number): T | undefined {
  return list[pick % Math.max(1, list.length)]
}

/** The keys beside the objects that the store holds: names, claims, guards. */
export async function storedIndex(store: Store): Promise<readonly string[]> {
  const pages = await Promise.all(['name/', 'claim/', 'guard/'].map((prefix) => store.list(prefix)))
  return pages.flatMap(({ entries }) => entries.map(({ key }) => key)).toSorted()
}

/** The keys that it should hold, worked out from the objects. */
export function indexOf(reader: ObjectReader): readonly string[] {
  return kindNames
    .flatMap((kind): readonly PolisObject[] => reader.list(kind))
    .flatMap((object) => {
      const { uid, projectUid, name: called } = object.metadata
      const claims = kinds[object.kind].claims as (spec: unknown) => readonly string[]
      return [
        nameKey(object.kind, projectUid, called),
        ...claims(object.spec).map(claimKey),
        ...guardedBy(object).map((target) => guardKey(target, uid)),
      ]
    })
    .toSorted()
}
