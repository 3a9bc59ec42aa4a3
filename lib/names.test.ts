import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isDnsLabel, isHostName, toDnsLabel } from './names.ts'

test.each(['a', '0', 'shop', 'my-shop-2', 'x'.repeat(63)])('%s is a label', (text) => {
  expect(isDnsLabel(text)).toBe(true)
})

test.each([
  '',
  '-shop',
  'shop-',
  'Shop',
  'my_shop',
  'shop.web',
  'läden',
  '../etc',
  'shop\n',
  'x'.repeat(64),
  'x'.repeat(300),
])('%j is no label', (text) => {
  expect(isDnsLabel(text)).toBe(false)
})

test.each(['localhost', 'shop.example', '*.shop.example', `${'a.'.repeat(126)}b`])(
  '%s is a host name',
  (text) => {
    expect(isHostName(text)).toBe(true)
  },
)

test.each([
  '',
  '*',
  '*.',
  '.shop',
  'shop.',
  'shop..example',
  'sh*p.example',
  '*.*.example',
  `${'a.'.repeat(127)}b`,
])('%j is no host name', (text) => {
  expect(isHostName(text)).toBe(false)
})

test.each([
  ['My Shop', 'my-shop'],
  ['my_shop!', 'my-shop'],
  ['  ../Crème Brûlée  ', 'creme-brulee'],
  ['ＦＵＬＬ', 'full'],
  ['node.example.org', 'node-example-org'],
  [`${'x'.repeat(62)}-y`, 'x'.repeat(62)],
])('%j becomes %s', (text, label) => {
  expect(toDnsLabel(text)).toBe(label)
})

test('any text becomes a label or nothing, and a label stays what it is', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      const label = toDnsLabel(text)
      if (label === undefined) return
      expect(isDnsLabel(label)).toBe(true)
      expect(toDnsLabel(label)).toBe(label)
    }),
  )
  expect(toDnsLabel('店')).toBeUndefined()
})
