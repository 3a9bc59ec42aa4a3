import fc from 'fast-check'
import { expect, test } from 'vitest'
import { splitCommand } from './shell-words.ts'

test.each([
  ['', []],
  ['   ', []],
  ['bundle exec thin -p 3000', ['bundle', 'exec', 'thin', '-p', '3000']],
  ['  a\tb\nc ', ['a', 'b', 'c']],
  [`sh -c 'echo "a  b"'`, ['sh', '-c', 'echo "a  b"']],
  [`sh -c "echo 'a  b'"`, ['sh', '-c', "echo 'a  b'"]],
  ['a""b', ['ab']],
  [`"" ''`, ['', '']],
  ['a\\ b', ['a b']],
  ['"a\\"b"', ['a"b']],
  ["'a\\b'", ['a\\b']],
  ['"a\\nb\\tc"', ['a\nb\tc']],
  ['a\\$b', ['a$b']],
  ['sh -c "a && b; c > d"', ['sh', '-c', 'a && b; c > d']],
  ['echo $(date +%s)', ['echo', '$(date +%s)']],
  ['echo `date +%s`', ['echo', '`date +%s`']],
  ['--opt=a=b', ['--opt=a=b']],
  ['päth "ü ö"', ['päth', 'ü ö']],
])('%j is split into %j', (line, words) => {
  expect(splitCommand(line)).toEqual({ words })
})

test.each([
  ['a && b', 'operator', '&'],
  ['a | b', 'operator', '|'],
  ['a; b', 'operator', ';'],
  ['a > b', 'operator', '>'],
  ['a < b', 'operator', '<'],
  ['"a', 'unbalanced', '"'],
  ["'a", 'unbalanced', "'"],
  ['`a', 'unbalanced', '`'],
  ['$(a', 'unbalanced', '$('],
  ['a\\', 'unbalanced', '\\'],
  ['(a)', 'unbalanced', '('],
  ['a)', 'unbalanced', ')'],
])('%j is refused: %s %s', (line, fault, sign) => {
  expect(splitCommand(line)).toEqual({ fault, sign })
})

test('quoted words come back', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'grapheme' })), (words) => {
      const quoted = words.map((word) => `'${word.replaceAll("'", `'"'"'`)}'`)
      expect(splitCommand(quoted.join(' '))).toEqual({ words })
    }),
  )
})
