import { PolisError } from '@polis/lib/error'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { interpolate, variablesInText } from './template.ts'

const ENVIRONMENT = { FOO: 'first', EMPTY: '', A_1: 'one', constructorX: 'x' }

function messageOf(act: () => unknown): string {
  try {
    act()
  } catch (error) {
    if (error instanceof PolisError) return error.message
    throw error
  }
  return ''
}

test.each([
  // As it is.
  ['plain', 'plain'],
  ['', ''],
  ['a $ string', 'a $ string'],
  ['^REGEX$', '^REGEX$'],
  ['$}', '$}'],
  ['$1', '$1'],
  // Escaped.
  ['$$', '$'],
  ['$${foo}', '${foo}'],
  ['$$$FOO', '$first'],
  ['${UNSET:-$$x}', '$x'],
  // Named.
  ['$FOO-bar', 'first-bar'],
  ['${FOO}', 'first'],
  ['This ${UNSET} var', 'This  var'],
  ['$A_1.', 'one.'],
  ['${constructor}', ''],
  ['${__proto__}', ''],
  // Defaults.
  ['${UNSET:-def}', 'def'],
  ['${UNSET-def}', 'def'],
  ['${EMPTY:-def}', 'def'],
  ['${EMPTY-def}', ''],
  ['${FOO:-def}', 'first'],
  ['${EMPTY:-/non:-alphanumeric}', '/non:-alphanumeric'],
  ['${UNSET-my?msg}', 'my?msg'],
  ['${UNSET:-}', ''],
  // Replacements.
  ['${UNSET:+x}', ''],
  ['${UNSET+x}', ''],
  ['${EMPTY:+x}', ''],
  ['${EMPTY+x}', 'x'],
  ['${FOO:+x}', 'x'],
  ['${FOO+x}', 'x'],
  // Required and there.
  ['${FOO:?err}', 'first'],
  ['${FOO?err}', 'first'],
  ['${EMPTY?err}', ''],
  // Nested.
  ['${UNSET-$FOO}', 'first'],
  ['${UNSET-${FOO} ${FOO}}', 'first first'],
  ['${EMPTY+$FOO ${FOO:+second}}', 'first second'],
  ['${UNSET:-${ALSO_UNSET:-deep}}', 'deep'],
  ['+ok ${UNSET:-${EMPTY-x}}', '+ok '],
  ['${FOO:-${UNSET:?never asked}}', 'first'],
  ['${UNSET:-{"a":1}}', '{"a":1}'],
])('%s becomes %s', (text, expected) => {
  expect(interpolate(text, ENVIRONMENT)).toBe(expected)
})

test.each([
  ['${', /must follow/],
  ['${}', /must follow/],
  ['${ foo}', /must follow/],
  ['${1}', /must follow/],
  ['${foo }', /unexpected character/],
  ['${foo!}', /unexpected character/],
  ['${foo/a/b}', /unexpected character/],
  ['x ${foo', /at character 3 is not closed/],
  ['${foo:-x', /at character 1 is not closed/],
  ['${foo:-${bar}', /is not closed/],
  ['${UNSET:?}', /^required variable UNSET is not set$/],
  ['${UNSET?say ${FOO}}', /^required variable UNSET is not set: say first$/],
  ['${EMPTY:?why}', /^required variable EMPTY is empty: why$/],
  ['${A:-'.repeat(30) + '}'.repeat(30), /nested too deep/],
])('%s is refused', (text, message) => {
  expect(messageOf(() => interpolate(text, ENVIRONMENT))).toMatch(message)
})

test('a value cannot blow up', () => {
  const text = '${BIG}'.repeat(50_000)
  expect(messageOf(() => interpolate(text, { BIG: 'x'.repeat(100_000) }))).toMatch(/1 MiB/)
})

test('unset variables without a default are told, others are not', () => {
  const unset: string[] = []
  interpolate('$A ${B} ${C:-x} ${D:+y} $FOO ${EMPTY}', ENVIRONMENT, (name) => unset.push(name))
  expect(unset).toEqual(['A', 'B'])
})

test('variablesInText finds all, also in defaults', () => {
  expect(variablesInText('$A ${B:-${C:?x}} $$D ${E?}')).toEqual([
    { name: 'A', isRequired: false },
    { name: 'B', isRequired: false },
    { name: 'C', isRequired: false },
    { name: 'E', isRequired: true },
  ])
})

describe('for any text', () => {
  const templates = fc.array(
    fc.oneof(
      fc.constantFrom(
        '$',
        '$$',
        '${',
        '}',
        ':-',
        '-',
        ':?',
        '?',
        ':+',
        '+',
        'FOO',
        'EMPTY',
        'X',
        ' ',
      ),
      fc.string({ maxLength: 5 }),
    ),
  )

  test('nothing but a PolisError is thrown', () => {
    fc.assert(
      fc.property(templates, (parts) => {
        expect(messageOf(() => interpolate(parts.join(''), ENVIRONMENT))).toBeTypeOf('string')
      }),
      { numRuns: 2000 },
    )
  })

  test('escaped dollar signs come back', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        expect(interpolate(text.replaceAll('$', '$$$$'), ENVIRONMENT)).toBe(text)
      }),
    )
  })

  test('a value is put in as it is, never read again', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (value, other) => {
        const around = other.replaceAll('$', '')
        expect(interpolate(`${around}\${V}${around}`, { V: value })).toBe(around + value + around)
        expect(interpolate('${N:-${V}}', { V: value })).toBe(value)
      }),
    )
  })

  test('what is asked for is what is looked up', () => {
    fc.assert(
      fc.property(templates, (parts) => {
        const text = parts.join('')
        const asked = new Set<string>()
        const spy = new Proxy<Record<string, string>>(
          {},
          {
            getOwnPropertyDescriptor(_, name) {
              asked.add(String(name))
              return undefined
            },
          },
        )
        if (messageOf(() => variablesInText(text)) !== '') return
        messageOf(() => interpolate(text, spy))
        const known = new Set(variablesInText(text).map(({ name }) => name))
        expect([...asked].filter((name) => !known.has(name))).toEqual([])
      }),
      { numRuns: 1000 },
    )
  })
})
