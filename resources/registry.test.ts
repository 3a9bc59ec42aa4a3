import { toJson } from '@polis/lib/json'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { z } from 'zod'
import { arbitraryOf } from './arbitrary.fixture.ts'
import { isReady } from './object.ts'
import { kindNames, kinds } from './registry.ts'

/** Every kind in one shape: what its own spec and status are is for its schemas to say. */
interface AnyKind {
  readonly spec: z.ZodType
  readonly status: z.ZodType
  readonly claims: (spec: unknown) => readonly string[]
  readonly references: (spec: unknown) => readonly { readonly uid: string }[]
}

const all = kindNames.map((name) => ({ name, definition: kinds[name] }))

test('a kind is filed under its own name, and its words are its own', () => {
  for (const { name, definition } of all) expect(definition.name).toBe(name)
  expect(new Set(all.map(({ definition }) => definition.plural)).size).toBe(all.length)
})

describe.each(all)('$name', ({ definition }) => {
  const { spec, status, claims, references } = definition as unknown as AnyKind

  test('is told in one sentence', () => {
    expect(definition.summary).toMatch(/^[A-Z].*\.$/)
    expect(definition.plural).toMatch(/^[a-z ]+s$/)
  })

  test('has a migration from every older version, and none beyond', () => {
    const older = Array.from({ length: definition.version - 1 }, (_, index) => String(index + 1))
    expect(Object.keys(definition.migrations)).toEqual(older)
  })

  test('a new one has not been looked at', () => {
    expect(status.parse(definition.newStatus)).toEqual(definition.newStatus)
    const metadata = { uid: 'x', name: 'x', generation: 1, createdAt: '' }
    expect(isReady({ metadata, status: definition.newStatus })).toBe(false)
  })

  test('what its schemas allow comes back from JSON as it was', () => {
    for (const schema of [spec, status]) {
      fc.assert(
        fc.property(arbitraryOf(schema), (value) => {
          const parsed = schema.parse(value)
          expect(schema.parse(toJson(parsed))).toEqual(parsed)
        }),
        { numRuns: 50 },
      )
    }
  })

  test('an unknown key of its spec is an error', () => {
    fc.assert(
      fc.property(arbitraryOf(spec), (value) => {
        expect(spec.safeParse({ ...(value as object), unheardOf: 1 }).success).toBe(false)
      }),
      { numRuns: 10 },
    )
  })

  test('equal specs make equal claims and references, none twice under one key', () => {
    fc.assert(
      fc.property(arbitraryOf(spec), (value) => {
        const one = spec.parse(value)
        const other = spec.parse(toJson(value))
        expect(claims(one)).toEqual(claims(other))
        expect(references(one)).toEqual(references(other))
        expect(new Set(claims(one)).size).toBe(claims(one).length)
      }),
      { numRuns: 50 },
    )
  })
})

test('no two kinds claim under the same word', () => {
  const ownerOf = new Map<string, string>()
  for (const { name, definition } of all) {
    const { spec, claims } = definition as unknown as AnyKind
    const words = fc
      .sample(arbitraryOf(spec), { numRuns: 50, seed: 1 })
      .flatMap((value) => claims(spec.parse(value)).map((claim) => claim.split('/')[0] ?? ''))
    for (const word of new Set(words)) {
      expect([word, ownerOf.get(word)]).toEqual([word, undefined])
      ownerOf.set(word, name)
    }
  }
  expect([...ownerOf.keys()]).toContain('domain')
})
