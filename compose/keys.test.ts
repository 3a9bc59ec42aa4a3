// docs/compose.md must say of every key what the reader does with it.
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { KeySet } from './field.ts'
import * as keys from './keys.ts'

const PAGE = readFileSync(new URL('../docs/compose.md', import.meta.url), 'utf8')

const SETS: readonly (readonly [string, KeySet])[] = Object.entries(keys)

/** The rows of the table that the page marks with the name of a set, as `key status text`; text of refused keys only. */
function rowsOf(name: string): readonly string[] {
  const mark = `<!-- keys: ${name.replace(/_KEYS$/, '')} -->\n`
  const [, table = ''] = PAGE.split(mark)
  const rows = table.trim().split('\n\n')[0]?.split('\n').slice(2) ?? []
  return rows.map((row) => {
    const cells = row.split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll('\\|', '|'))
    const [, key = '', status = '', text = ''] = cells
    return status === 'refused' ? `${key} refused ${text}` : `${key} ${status}`
  })
}

test.each(SETS)('%s is what the page says', (name, { honoured, refused = {} }) => {
  const expected = [
    ...honoured.map((key) => `\`${key}\` honoured`),
    ...Object.entries(refused).map(([key, hint]) => `\`${key}\` refused ${hint}`),
  ]
  expect(new Set(rowsOf(name))).toEqual(new Set(expected))
})

test('no key is both honoured and refused', () => {
  for (const [, { honoured, refused = {} }] of SETS) {
    expect(honoured.filter((key) => Object.hasOwn(refused, key))).toEqual([])
    expect(new Set(honoured).size).toBe(honoured.length)
  }
})
