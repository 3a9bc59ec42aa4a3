import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readerFor, VISIBLE_TO } from '@polis/kernel/access'
import { fromEntry } from '@polis/kernel/codec'
import { RECONCILED_BY, reconcilersOf } from '@polis/kernel/controllers'
import { openMemoryJournal } from '@polis/kernel/journal/memory'
import type { Actor } from '@polis/kernel/kernel'
import { ObjectCache, type ObjectReader } from '@polis/kernel/object-cache'
import { ObjectWriter } from '@polis/kernel/object-writer'
import { SecretSealer } from '@polis/kernel/secret-sealing'
import { openMemoryStore } from '@polis/kernel/store/memory'
import { PolisError } from '@polis/lib/error'
import type { Json } from '@polis/lib/json'
import { silentLogger } from '@polis/lib/logger'
import { TestClock } from '@polis/lib/test-clock'
import { type KindName, kindNames, kinds, type PolisObject } from '@polis/resources/registry'
import { type Role, ROLES } from '@polis/resources/role-binding'
import { describe, expect, test } from 'vitest'
import { runShell } from '../cli/test-shell.ts'
import { KIND_VERBS } from './kind-verbs.ts'
import { documentsFile, readJson } from './stored-shapes.ts'

const ROOT = join(import.meta.dirname, '..')

/** One object of every kind, as its newest version is stored. */
const samples = new Map<KindName, PolisObject>(
  kindNames.map((kind) => {
    const [value] = readJson(documentsFile(kind, kinds[kind].version)) as readonly Json[]
    if (value === undefined) throw new Error(`no document of ${kind} is kept`)
    return [kind, fromEntry({ key: 'object/x', value, revision: 1, createRevision: 1 })]
  }),
)

function sampleOf(kind: KindName): PolisObject {
  const object = samples.get(kind)
  if (object === undefined) throw new Error(`no sample of ${kind}`)
  return object
}

describe.each(kindNames)('%s', (kind) => {
  const object = sampleOf(kind)
  const { uid, name, projectUid, ownerUid } = object.metadata

  test('is reconciled: its reconciler looks at a new one, and at every one at a resync', () => {
    const reconciler = reconcilers.find((candidate) => candidate.name === RECONCILED_BY[kind])
    expect(reconciler?.keysOf({ before: undefined, after: object })).toContain(uid)
    expect(reconciler?.allKeys()).toContain(uid)
  })

  describe('is shown to nobody who may not see it:', () => {
    const isOfProject = kinds[kind].scope === 'project'
    const home = kind === 'Project' ? uid : projectUid
    /** What people are, may do and come in with concerns those only who look after all of them. */
    const isAboutPeople = kind === 'User' || kind === 'RoleBinding' || kind === 'Token'

    test('it lies where its kind says', () => {
      expect(projectUid !== undefined).toBe(isOfProject)
    })

    test.each(ROLES)('%s everywhere', (role) => {
      const least: Role = isAboutPeople ? 'administrator' : 'viewer'
      expect(VISIBLE_TO[kind]).toBe(least)
      expect(sees(actorWith(() => role))).toBe(role === 'administrator' || !isAboutPeople)
    })

    test.each(ROLES)('%s of its project only', (role) => {
      const actor = actorWith((asked) => (asked === (home ?? 'some-project') ? role : undefined))
      expect(sees(actor)).toBe(!isAboutPeople)
    })

    test.each(ROLES)('%s of another project', (role) => {
      const actor = actorWith((asked) => (asked === 'another-project' ? role : undefined))
      expect(sees(actor)).toBe(!isOfProject && kind !== 'Project' && !isAboutPeople)
    })

    test('somebody without any role', () => {
      expect(sees(actorWith(() => undefined, false))).toBe(false)
    })
  })

  /** Whether it is seen, which all ways of asking must agree on. */
  function sees(actor: Actor): boolean {
    const reader = readerFor(cache, actor)
    const ways = [
      reader.find(kind, uid) !== undefined,
      isGot(reader),
      reader.findByName(kind, projectUid, name) !== undefined,
      reader.list(kind).some(({ metadata }) => metadata.uid === uid),
      ...(ownerUid === undefined
        ? []
        : [reader.ownedBy(kind, ownerUid).some(({ metadata }) => metadata.uid === uid)]),
    ]
    const [first = false] = ways
    expect(ways).toEqual(ways.map(() => first))
    return first
  }

  function isGot(reader: ObjectReader): boolean {
    try {
      return reader.get(kind, uid).metadata.uid === uid
    } catch (thrown) {
      if (thrown instanceof PolisError && thrown.code === 'NotFound') return false
      throw thrown
    }
  }

  test('is a type of the published schema, one of which and all of which can be asked for', () => {
    const schema = read('api/schema.graphql', 'print it: node api/print-schema.ts')
    expect(schema).toMatch(new RegExp(`^type ${kind} implements Resource \\{$`, 'm'))
    const query = /^type Query \{[\s\S]*?^\}/m.exec(schema)?.[0] ?? ''
    expect(query).toMatch(new RegExp(`^  \\w+\\([^)]*\\): ${kind}$`, 'm'))
    expect(query).toMatch(new RegExp(`^  \\w+\\([^)]*\\): ${kind}Connection!$`, 'm'))
  })

  test.each(KIND_VERBS[kind])('has a place in the shell: polis %s', async (verb) => {
    const { code, stdout } = await runShell(`${verb} --help`)
    expect(code).toBe(0)
    expect(stdout).toContain(`Usage: polis ${verb}`)
  })

  test('is told of in docs/kinds.md: what it is, its spec, its status, its verbs', () => {
    const section = sectionOf(read('docs/kinds.md', 'write it'), kind)
    expect(section).toContain(kinds[kind].summary)
    for (const member of membersOf(kind)) expect(section).toContain(`\`${member}\``)
    for (const verb of KIND_VERBS[kind]) expect(section).toContain(`polis ${verb}`)
  })
})

test('docs/kinds.md tells of no kind that is gone', () => {
  const told = [...read('docs/kinds.md', 'write it').matchAll(/^## (?<kind>\w+)$/gm)]
  expect(told.map(({ groups }) => groups?.['kind'] ?? '').toSorted()).toEqual(kindNames.toSorted())
})

const clock = new TestClock()
const store = openMemoryStore({ clock })
const cache = new ObjectCache(store)
for (const document of kindNames.map((kind) =>
  readJson(documentsFile(kind, kinds[kind].version)),
)) {
  const [value] = document as readonly { readonly metadata: { readonly uid: string } }[]
  if (value === undefined) continue
  await store.transact({
    writes: [{ put: `object/${value.metadata.uid}`, value: value as unknown as Json }],
  })
}
await cache.load()

const reconcilers = reconcilersOf(
  {
    cache,
    writer: new ObjectWriter({ store, cache, clock }),
    devices: {
      port: () => {
        throw new PolisError('Unavailable', 'there is no world here')
      },
    },
    journal: openMemoryJournal({ clock }),
    clock,
    logger: silentLogger,
    sealer: new SecretSealer([{ id: 'k1', bytes: new Uint8Array(32) }]),
  },
  [],
)

function actorWith(roleIn: Actor['roleIn'], hasAnyRole = true): Actor {
  return { userUid: 'somebody', name: 'somebody', tokenUid: undefined, roleIn, hasAnyRole }
}

/** Members of a kind's own: those that all statuses share are told of once, for all. */
function membersOf(kind: KindName): readonly string[] {
  const { spec, status } = kinds[kind]
  const shared = new Set(['observedGeneration', 'conditions'])
  return [...keysOf(spec), ...keysOf(status)].filter((key) => !shared.has(key))
}

function keysOf(schema: (typeof kinds)[KindName]['spec' | 'status']): readonly string[] {
  return 'shape' in schema ? Object.keys(schema.shape as object) : []
}

function sectionOf(paper: string, kind: string): string {
  const [, rest = ''] = paper.split(new RegExp(`^## ${kind}$`, 'm'))
  const [section = ''] = rest.split(/^## /m)
  // A line may break anywhere, also within a command.
  return section.replaceAll(/\s+/g, ' ')
}

function read(path: string, remedy: string): string {
  const file = join(ROOT, path)
  if (!existsSync(file)) throw new Error(`${path} is missing: ${remedy}`)
  return readFileSync(file, 'utf8')
}
