import { expect, test } from 'vitest'
import { toRow } from './row.ts'
import { median } from './statistics.ts'
import { toTable } from './table.ts'

test('a row knows whether its target holds', () => {
  const measured = { name: 'a page', value: 60.004, unit: 'ms' }
  expect(toRow({ ...measured, target: { atMost: 50 } })).toEqual({
    ...measured,
    value: 60,
    peer: '',
    peerValue: null,
    ratio: null,
    target: 'at most 50',
    holds: false,
  })
  expect(toRow({ ...measured, target: { atLeast: 50 } }).holds).toBe(true)
  expect(toRow(measured)).toMatchObject({ target: '', holds: null })
})

test('a target on the ratio is judged by the peer of the same run', () => {
  const measured = { name: 'a change', value: 30, unit: 'ms', target: { ratioAtMost: 2 } }
  expect(toRow({ ...measured, peer: { name: 'among ten', value: 20 } })).toMatchObject({
    ratio: 1.5,
    holds: true,
  })
  expect(toRow({ ...measured, peer: { name: 'among ten', value: 10 } }).holds).toBe(false)
  expect(toRow(measured).holds).toBe(false)
})

test('the median of many runs is the one in the middle', () => {
  expect(median([9, 1, 5])).toBe(5)
  expect(median([4, 1, 2, 9])).toBe(3)
  expect(median([])).toBeNaN()
})

test('rows make a table', () => {
  const row = toRow({ name: 'a page', value: 10, unit: 'ms', target: { atMost: 50 } })
  expect(toTable([row])).toBe(
    [
      '| name   | value | peer | peer value | ratio | target     | holds |',
      '|--------|-------|------|------------|-------|------------|-------|',
      '| a page | 10 ms |      |            |       | at most 50 | yes   |',
      '',
    ].join('\n'),
  )
})
