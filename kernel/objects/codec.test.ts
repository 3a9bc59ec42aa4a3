import type { Json } from '@polis/lib/json'
import { defineKind } from '@polis/resources/kind'
import { BaseStatus, NOT_OBSERVED } from '@polis/resources/object'
import { expect, test } from 'vitest'
import { z } from 'zod'
import type { Entry } from '../store/store.ts'
import { decode, fromEntry, toDocument } from './codec.ts'

/** A kind that has seen three versions: a size in gigabytes became bytes, then got a company. */
const boxKind = defineKind({
  name: 'Box',
  plural: 'boxes',
  scope: 'project',
  summary: 'A box.',
  version: 3,
  spec: z.strictObject({ sizeBytes: z.number(), colour: z.string() }),
  status: BaseStatus,
  newStatus: NOT_OBSERVED,
  migrations: {
    1: ({ spec, ...rest }) => {
      const { sizeGb } = z.object({ sizeGb: z.number() }).parse(spec)
      return { ...rest, spec: { sizeBytes: sizeGb * 1024 ** 3 } }
    },
    2: ({ spec, ...rest }) => ({ ...rest, spec: { ...Object(spec), colour: 'grey' } as unknown }),
  },
})

const metadata = { uid: 'u', name: 'n', generation: 1, createdAt: '2026-01-01T00:00:00Z' }

function box(version: number, spec: Json): Json {
  return { version, kind: 'Box', metadata, spec, status: { observedGeneration: 0, conditions: [] } }
}

function config(part: Readonly<Record<string, Json>>): Entry {
  const status = { observedGeneration: 0, conditions: [] }
  const value = { version: 1, kind: 'Config', metadata, spec: { content: '' }, status, ...part }
  return { key: 'object/u', value, revision: 3, createRevision: 2 }
}

test.each([
  [1, { sizeGb: 2 }, { sizeBytes: 2 * 1024 ** 3, colour: 'grey' }],
  [2, { sizeBytes: 5 }, { sizeBytes: 5, colour: 'grey' }],
  [3, { sizeBytes: 5, colour: 'red' }, { sizeBytes: 5, colour: 'red' }],
])('a document of version %i is read as the newest', (version, stored, spec) => {
  expect(decode(boxKind, box(version, stored), 'object/u')).toEqual({
    kind: 'Box',
    metadata,
    spec,
    status: NOT_OBSERVED,
  })
})

test('a document of a newer program is refused, and told where it lies', () => {
  expect(() => decode(boxKind, box(4, {}), 'object/u')).toThrow(
    expect.objectContaining({
      code: 'FailedPrecondition',
      path: 'object/u',
      message: expect.stringContaining('document 4, known 3') as string,
    }),
  )
})

test('a version nobody can migrate from is an error of this program', () => {
  const { 1: _, ...migrations } = boxKind.migrations
  expect(() => decode({ ...boxKind, migrations }, box(1, { sizeGb: 1 }), 'object/u')).toThrow(
    expect.objectContaining({ code: 'Internal', message: 'no migration of Box from version 1' }),
  )
})

test('an object comes back as it was written, with the revision of its entry', () => {
  const object = fromEntry(config({ spec: { content: 'hello' } }))
  expect(object).toMatchObject({ kind: 'Config', spec: { content: 'hello' }, revision: 3 })
  const entry = { ...config({}), value: toDocument(object) }
  expect(fromEntry(entry)).toEqual(object)
})

test('a member that is undefined is not written', () => {
  const object = fromEntry(config({}))
  const document = toDocument({ ...object, metadata: { ...object.metadata, name: 'x' } })
  expect(JSON.stringify(document)).not.toContain('ownerUid')
  expect(document).toMatchObject({ version: 1, kind: 'Config' })
})

test.each(['Ship', '__proto__', 'toString'])('a document of the kind %s is refused', (kind) => {
  expect(() => fromEntry(config({ kind }))).toThrow(
    expect.objectContaining({ code: 'FailedPrecondition', path: 'object/u' }),
  )
})

test.each<[string, Entry]>([
  ['that is no object', { ...config({}), value: 7 }],
  ['without a version', config({ version: null })],
  ['with a wrong version', config({ version: 0.5 })],
  ['with a broken spec', config({ spec: { content: 1 } })],
  ['with an unknown key in its spec', config({ spec: { content: '', mode: 1 } })],
  ['with broken metadata', config({ metadata: { uid: 'u' } })],
  ['with a broken status', config({ status: {} })],
])('a document %s is told with its key', (_, entry) => {
  expect(() => fromEntry(entry)).toThrow(
    expect.objectContaining({ code: 'Internal', path: 'object/u' }),
  )
})
