import { existsSync, readdirSync } from 'node:fs'
import { basename } from 'node:path'
import { fromEntry, toDocument } from '@polis/kernel/codec'
import type { Json } from '@polis/lib/json'
import { type KindName, kindNames, kinds } from '@polis/resources/registry'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { documentsFile, readJson, shapeFile, shapeOf, TESTDATA } from './stored-shapes.ts'

const Documents = z.array(z.looseObject({ version: z.number(), kind: z.string() })).min(1)

const versions = kindNames.flatMap((kind) =>
  Array.from({ length: kinds[kind].version }, (_, index) => ({ kind, version: index + 1 })),
)

test('documents of every kind are kept, and of no kind that is gone', () => {
  expect(readdirSync(TESTDATA).toSorted()).toEqual(kindNames.toSorted())
})

describe.each(versions)('$kind, version $version', ({ kind, version }) => {
  const file = documentsFile(kind, version)

  test('its documents and its shape are kept', () => {
    const missing = [file, shapeFile(kind, version)].filter((path) => !existsSync(path))
    expect(missing.map((path) => basename(path))).toEqual([])
  })

  test('its documents are read by this program', () => {
    for (const document of Documents.parse(readJson(file))) {
      expect(document).toMatchObject({ kind, version })
      const object = fromEntry(entryOf(document as Json))
      expect(object).toMatchObject({ kind, revision: 7 })
    }
  })
})

describe.each(kindNames)('%s', (kind) => {
  const { version } = kinds[kind]

  // Fails after a change of shape: raise the version, add a migration, run `node checks/stored-shapes.ts`, keep documents.
  test('its stored shape is that of its version (docs/checklists/add-a-kind.md)', () => {
    expect(shapeOf(kind)).toEqual(readJson(shapeFile(kind, version)))
  })

  test('its documents are written as they were read', () => {
    for (const document of Documents.parse(readJson(documentsFile(kind, version))))
      expect(toDocument(fromEntry(entryOf(document as Json)))).toEqual(document)
  })

  test('its documents have every member that its shape has', () => {
    const seen = membersKept(kind)
    const missing = shapeMembers(shapeOf(kind)).filter((path) => !seen.has(path))
    expect(missing.filter((path) => !isShared(path))).toEqual([])
  })
})

test('what all kinds share is to be found in the documents of one or another', () => {
  const seen = new Set(kindNames.flatMap((kind) => [...membersKept(kind)]))
  const shared = kindNames.flatMap((kind) => shapeMembers(shapeOf(kind)).filter(isShared))
  expect([...new Set(shared)].filter((path) => !seen.has(path))).toEqual([])
})

function isShared(path: string): boolean {
  return path.startsWith('metadata.') || path.startsWith('status.conditions[]')
}

function membersKept(kind: KindName): ReadonlySet<string> {
  const documents = Documents.parse(readJson(documentsFile(kind, kinds[kind].version)))
  return new Set(documents.flatMap((document) => membersOf(document)))
}

function entryOf(value: Json): Parameters<typeof fromEntry>[0] {
  return { key: 'object/x', value, revision: 7, createRevision: 7 }
}

/** Paths of all members of a document: `spec.template.mounts[].target`. */
function membersOf(value: unknown, path = ''): readonly string[] {
  if (Array.isArray(value)) return value.flatMap((item) => membersOf(item, `${path}[]`))
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, member]) => {
    const own = path === '' ? key : `${path}.${key}`
    return [own, ...membersOf(member, own)]
  })
}

const Shape = z.object({
  properties: z.record(z.string(), z.unknown()).optional(),
  items: z.unknown().optional(),
  oneOf: z.array(z.unknown()).optional(),
})

/** The same paths out of a shape; what stands under keys that people choose is left out. */
function shapeMembers(shape: unknown): readonly string[] {
  const parts = z.record(z.string(), z.unknown()).parse(shape)
  return Object.entries(parts).flatMap(([part, schema]) => inside(schema, part))
}

function inside(schema: unknown, path: string): readonly string[] {
  const { properties = {}, items, oneOf = [] } = Shape.parse(schema)
  return [
    ...Object.entries(properties).flatMap(([key, member]) => [
      `${path}.${key}`,
      ...inside(member, `${path}.${key}`),
    ]),
    ...(items === undefined ? [] : inside(items, `${path}[]`)),
    ...oneOf.flatMap((variant) => inside(variant, path)),
  ]
}
