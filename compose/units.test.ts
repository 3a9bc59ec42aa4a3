import fc from 'fast-check'
import { expect, test } from 'vitest'
import { bytesOf, coresOf, millisecondsOf } from './units.ts'

test.each([
  ['0', 0],
  ['0s', 0],
  ['10s', 10_000],
  ['1m30s', 90_000],
  ['1h5m30s20ms', 3_930_020],
  ['1.5s', 1500],
  ['0.25s', 250],
  ['90s', 90_000],
  ['40s1m', 100_000],
  ['1d', 86_400_000],
  ['1w', 604_800_000],
  ['5000us', 5],
  ['1000000ns', 1],
  ['2562047h', 9_223_369_200_000],
  // What is no whole number of milliseconds is not rounded.
  ['10us', undefined],
  ['1.0001s', undefined],
  ['30', undefined],
  ['', undefined],
  ['s', undefined],
  ['1 s', undefined],
  ['-1s', undefined],
  ['+1s', undefined],
  ['1,5s', undefined],
  ['.5s', undefined],
  ['1e3s', undefined],
  ['1S', undefined],
  ['1y', undefined],
  ['99999999999h', undefined],
  [`${'9'.repeat(90)}s`, undefined],
])('the duration %s is %s ms', (text, expected) => {
  expect(millisecondsOf(text)).toBe(expected)
})

test('a duration written in parts is the sum of its parts', () => {
  const part = fc.integer({ min: 0, max: 10_000 })
  fc.assert(
    fc.property(part, part, part, part, (h, m, s, ms) => {
      expect(millisecondsOf(`${h}h${m}m${s}s${ms}ms`)).toBe(((h * 60 + m) * 60 + s) * 1000 + ms)
    }),
  )
})

test.each([
  ['1024', 1024],
  ['0', 0],
  ['512m', 512 * 1024 ** 2],
  ['512M', 512 * 1024 ** 2],
  ['1gb', 1024 ** 3],
  ['1GiB', 1024 ** 3],
  ['1.5g', 1.5 * 1024 ** 3],
  ['32 kb', 32 * 1024],
  ['10b', 10],
  ['2t', 2 * 1024 ** 4],
  ['1p', 1024 ** 5],
  ['0.3k', 307],
  ['', undefined],
  ['m', undefined],
  ['-1', undefined],
  ['1x', undefined],
  ['1 g b', undefined],
  ['1e3', undefined],
  ['99999p', undefined],
  ['0x10', undefined],
])('the size %s is %s bytes', (text, expected) => {
  expect(bytesOf(text)).toBe(expected)
})

test.each([
  ['0.5', 0.5],
  ['2', 2],
  ['.25', 0.25],
  ['1.', 1],
  ['0.000000001', 1e-9],
  ['0.0000000001', undefined],
  ['', undefined],
  ['.', undefined],
  ['-1', undefined],
  ['1e3', undefined],
  ['50%', undefined],
  ['Infinity', undefined],
])('%s is %s cores', (text, expected) => {
  expect(coresOf(text)).toBe(expected)
})
