import { expect, test } from 'vitest'
import { z } from 'zod'
import { defineKind, guarding, pointing } from './kind.ts'
import { BaseStatus, NOT_OBSERVED } from './object.ts'

const plain = {
  name: 'Box',
  plural: 'boxes',
  scope: 'project',
  summary: 'A box.',
  version: 1,
  spec: z.strictObject({ size: z.number() }),
  status: BaseStatus,
  newStatus: NOT_OBSERVED,
} as const

test('a kind claims nothing, refers to nothing and migrates nothing unless it says so', () => {
  const kind = defineKind(plain)
  expect(kind.claims({ size: 1 })).toEqual([])
  expect(kind.references({ size: 1 })).toEqual([])
  expect(kind.migrations).toEqual({})
})

test('what a kind says of itself is kept', () => {
  const kind = defineKind({
    ...plain,
    version: 2,
    claims: ({ size }) => [`box/${size}`],
    references: () => guarding('shelf'),
    migrations: { 1: (document) => ({ ...document, spec: { size: 0 } }) },
  })
  expect(kind.claims({ size: 3 })).toEqual(['box/3'])
  expect(kind.references({ size: 3 })).toEqual([{ uid: 'shelf', isGuarding: true }])
  expect(kind.migrations[1]?.({ metadata: 1, spec: 2, status: 3 })).toEqual({
    metadata: 1,
    spec: { size: 0 },
    status: 3,
  })
})

test('a reference to nobody is none', () => {
  expect([...guarding(undefined), ...pointing(undefined)]).toEqual([])
  expect(pointing('x')).toEqual([{ uid: 'x', isGuarding: false }])
})
