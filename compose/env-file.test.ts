import { PolisError } from '@polis/lib/error'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseEnvFile } from './env-file.ts'

function refusalOf(act: () => unknown): PolisError | undefined {
  try {
    act()
  } catch (error) {
    if (error instanceof PolisError) return error
    throw error
  }
  return undefined
}

test.each([
  ['A=1\nB=2', { A: '1', B: '2' }],
  ['', {}],
  ['\n\r\n\t # comment\n#x', {}],
  ['A=', { A: '' }],
  ['A=""', { A: '' }],
  ['export A=2', { A: '2' }],
  ['export\tA=2', { A: '2' }],
  ['exportA=2', { exportA: '2' }],
  ['  A = bar ', { A: 'bar' }],
  ['A: 1', { A: '1' }],
  ['A=1:B', { A: '1:B' }],
  ['A=foobar=', { A: 'foobar=' }],
  ['A.B-c[0]=x', { 'A.B-c[0]': 'x' }],
  ['A=1\nA=2', { A: '2' }],
  ['A=two words', { A: 'two words' }],
  // Comments.
  ['A=VAL # comment', { A: 'VAL' }],
  ['A=VAL# not a comment', { A: 'VAL# not a comment' }],
  ['A= # comment\nB=1', { A: '', B: '1' }],
  ['A="VAL # not a comment"', { A: 'VAL # not a comment' }],
  ['A="VAL" # comment\nB=1', { A: 'VAL', B: '1' }],
  // Quotes and escapes.
  [`A='$OTHER \${X}'`, { A: '$OTHER ${X}' }],
  [`A='Let\\'s go!'`, { A: "Let's go!" }],
  [`A="{\\"hello\\": \\"json\\"}"`, { A: '{"hello": "json"}' }],
  ['A="some\\tvalue\\n"', { A: 'some\tvalue\n' }],
  [`A='some\\tvalue'`, { A: 'some\\tvalue' }],
  ['A=some\\tvalue', { A: 'some\\tvalue' }],
  ['A="back\\\\slash"', { A: 'back\\slash' }],
  ['A="keep \\q"', { A: 'keep \\q' }],
  ['A="\\0101"', { A: 'A' }],
  // Several lines.
  ['A="one\ntwo"\nB=3', { A: 'one\ntwo', B: '3' }],
  [`A='one\r\ntwo'`, { A: 'one\ntwo' }],
  // Variables.
  ['A=test\nB=$A', { A: 'test', B: 'test' }],
  ['A=test\nB="q ${A}bar"', { A: 'test', B: 'q testbar' }],
  ['B=${A:-x}', { B: 'x' }],
  ['B=$UNSET', { B: '' }],
  ['A="foo\\$BAR"', { A: 'foo$BAR' }],
  ['A="foo\\${BAR}"', { A: 'foo${BAR}' }],
  ['A=foo$$BAR', { A: 'foo$BAR' }],
  ['SHELL_HOME=a\nB=$SHELL_HOME', { SHELL_HOME: 'a', B: 'outside' }],
  // From outside.
  ['SHELL_HOME\nNOT_THERE\nA=1', { SHELL_HOME: 'outside', A: '1' }],
  ['\uFEFFA=1', { A: '1' }],
  ['ÄB=1', { ÄB: '1' }],
])('%j', (text, expected) => {
  expect(parseEnvFile(text, { environment: { SHELL_HOME: 'outside' } })).toEqual(expected)
})

test.each([
  ['A=1\nlol$wut', 2, /unexpected character "\$"/],
  ['=x', 1, /name is missing/],
  ['A B=1', 1, /cannot hold a space/],
  ['X=1\n\nA="secret', 3, /not closed/],
  ['A="x"secret', 1, /follows the closing quote/],
  ['A=${secret', 1, /not closed/],
  ['A=${B:?must be there}', 1, /required variable B is not set: must be there/],
  ['__proto__=1', 1, /name/],
])('%j is refused at line %i', (text, line, message) => {
  const error = refusalOf(() => parseEnvFile(text))
  expect(error?.problems).toMatchObject([{ path: `.env:${line}`, line }])
  expect(error?.message).toMatch(message)
  expect(JSON.stringify(error?.problems)).not.toContain('secret')
})

test('double-quoted values come back, whatever they hold', () => {
  const name = fc.stringMatching(/^[A-Z_][A-Z0-9_]{0,10}$/)
  fc.assert(
    fc.property(fc.dictionary(name, fc.string()), (values) => {
      const lines = Object.entries(values).map(([key, value]) => {
        const safe = value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('$', '\\$')
        return `${key}="${safe}" # comment`
      })
      expect(parseEnvFile(lines.join('\n'))).toEqual({ ...values })
    }),
  )
})

test('nothing but a PolisError is thrown', () => {
  const piece = fc.constantFrom(
    'A',
    '=',
    '"',
    "'",
    '\\',
    '$',
    '{',
    '}',
    '\n',
    '#',
    ' ',
    'export ',
    ':',
  )
  fc.assert(
    fc.property(fc.array(fc.oneof(piece, fc.string({ maxLength: 4 }))), (parts) => {
      const error = refusalOf(() => parseEnvFile(parts.join('')))
      expect(error?.code).toBeOneOf([undefined, 'InvalidArgument'])
    }),
    { numRuns: 2000 },
  )
})

test('a file of a megabyte takes no time to speak of', () => {
  const lines = Array.from({ length: 60_000 }, (_, index) => `A${index}=$A${index - 1}x`)
  const before = process.threadCpuUsage()
  parseEnvFile(`A0=x\n${lines.slice(1, 1000).join('\n')}`)
  parseEnvFile(
    lines
      .map((line) => line.replace('x', '').replace('-1', 'Z'))
      .join('\n')
      .slice(0, 1 << 20),
  )
  expect(process.threadCpuUsage(before).user).toBeLessThan(1_000_000)
})
