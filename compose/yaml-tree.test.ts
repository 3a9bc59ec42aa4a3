// YAML itself: anchors, merge keys, mistakes, and files made to hurt.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { problemsOf, read } from './read-compose.fixture.ts'

describe('anchors and merge keys', () => {
  test('work as in Compose', () => {
    const { model } = read(`
x-base: &base
  image: base
  environment: &env {A: "1", B: "2"}
x-more: &more {user: more, image: more}
services:
  a:
    <<: *base
    environment: {<<: *env, B: "3"}
  b:
    user: own
    <<: [*base, *more]
  c: *base
`)
    expect(model.services).toMatchObject([
      { name: 'a', source: { reference: 'base' }, environment: { A: '1', B: '3' } },
      { name: 'b', source: { reference: 'base' }, user: 'own', environment: { A: '1', B: '2' } },
      { name: 'c', source: { reference: 'base' } },
    ])
  })

  test('point at the last anchor of that name above', () => {
    const text = 'x-a: &i one\nx-b: &i two\nservices: {a: {image: *i}}'
    expect(read(text).model.services[0]?.source).toEqual({ type: 'image', reference: 'two' })
  })

  test.each([
    ['x: &a [*a]\nservices: {a: {image: x}}', '*a stands inside &a'],
    ['services: {a: {image: *nope}}', 'there is no anchor &nope above'],
    ['services: {a: {<<: 5, image: x}}', '<< takes a map or a list of maps'],
    ['services: {a: {<<: [a], image: x}}', '<< takes a map or a list of maps'],
  ])('%j is refused', (text, message) => {
    expect(problemsOf(text).map((each) => each.message)).toContain(message)
  })
})

test.each([
  ['services:\n  a: {image: x\n', 'compose.yaml:3:1', /YAML/],
  ['services:\n\ta: 1', 'compose.yaml:2:1', /YAML.*tab/i],
  ['a: "x', 'compose.yaml:1:', /YAML/],
  ['a: b: c', 'compose.yaml:1:', /YAML/],
  ['a: !thing x', 'compose.yaml:1:4', /YAML.*tag/i],
  ['a: 1\n---\nb: 1', 'compose.yaml:2:1', /more than one YAML document/],
  ['%YAML 3.0\n---\na: 1', 'compose.yaml:1:', /YAML/],
])('%j is a mistake with a place', (text, path, message) => {
  const [problem] = problemsOf(text)
  expect(problem?.path).toContain(path)
  expect(problem?.message).toMatch(message)
  expect(problem?.line).toBeGreaterThan(0)
  expect(problem?.column).toBeGreaterThan(0)
})

test.each([
  ['services:\n  a: {image: x}\n  a: {image: y}', 'services.a', 'the key a is there twice', 3],
  [
    'services:\n  a:\n    image: x\n    "image": y',
    'services.a.image',
    'the key image is there twice',
    4,
  ],
  ['services: {a: {image: x}}\n? [b]\n: c', '', 'a key must be plain text', 2],
  ['services: {a: {image: x}}\n__proto__: {}', '', 'this key cannot be used', 2],
  ['services: {a: {image: "x\\0"}}', 'services.a.image', 'the value holds a NUL character', 1],
])('%j is refused', (text, path, message, line) => {
  expect(problemsOf(text)).toContainEqual(expect.objectContaining({ path, message, line }))
})

test('a key after the same key by merge is no duplicate', () => {
  expect(problemsOf('x-a: &x {image: a}\nservices: {a: {<<: *x, image: b}}')).toEqual([])
})

const MEBIBYTE = 1 << 20
const BOMB = ['a: &a [x,x,x,x,x,x,x,x,x,x]']
for (const [index, name] of 'bcdefghi'.split('').entries()) {
  const last = 'abcdefgh'[index]
  BOMB.push(`${name}: &${name} [${`*${last},`.repeat(10)}]`)
}

describe('a file made to hurt is refused within a second', () => {
  test.each([
    ['50 MB', 'a'.repeat(50 * MEBIBYTE), /too large \(50\.0 MiB/],
    ['just over a mebibyte, counted in bytes', 'ä'.repeat(MEBIBYTE / 2 + 1), /too large/],
    ['a billion laughs', BOMB.join('\n'), /too large when its aliases are followed/],
    [
      'merges of merges',
      `x: &x {${Array.from({ length: 999 }, (_, i) => `k${i}: 1`).join(',')}}\ny: [${'{<<: *x},'.repeat(999)}]`,
      /too large when/,
    ],
    ['brackets', '['.repeat(MEBIBYTE), /nested too deep/],
    ['braces', '{'.repeat(MEBIBYTE), /nested too deep/],
    ['dashes', '- '.repeat(MEBIBYTE / 2), /nested too deep/],
    ['question marks', '? '.repeat(MEBIBYTE / 2), /nested too deep/],
    [
      'indentation',
      Array.from({ length: 1400 }, (_, i) => `${' '.repeat(i)}a:`).join('\n'),
      /nested too deep/,
    ],
    ['commas', `[${','.repeat(MEBIBYTE - 1)}`, /too many parts/],
    ['commas that just pass', `[${','.repeat(79_000)}]`, /YAML/],
    ['anchors', '&a '.repeat(20_000), /YAML/],
    ['keys', Array.from({ length: 100_000 }, (_, i) => `k${i}: 1`).join('\n'), /too many parts/],
    ['documents', '---\n'.repeat(15_000), /more than one/],
    [
      'unknown keys',
      `services: {a: {${Array.from({ length: 10_000 }, (_, i) => `k${i}`).join(': ,')}}}`,
      /unknown key/,
    ],
    [
      'dependencies',
      `services: {a: {image: x, depends_on: [${'no,'.repeat(20_000)}]}}`,
      /no service/,
    ],
    ['a long value', `services: {a: {image: "${'x'.repeat(MEBIBYTE - 100)}"}}`, /not an image/],
    [
      'spaces',
      `services: {a: {image: x, command: "${' '.repeat(MEBIBYTE - 100)}'"}}`,
      /unbalanced/,
    ],
    [
      'variables',
      `services: {a: {image: x, command: "${'${A:-'.repeat(100_000)}"}}`,
      /nested too deep/,
    ],
    [
      'growing variables',
      `services: {a: {image: x, labels: [${'"${BIG}",'.repeat(9_000)}]}}`,
      /too large with its variables/,
    ],
  ])('%s', (_, text, message) => {
    // Time of the processor, since a busy machine is no fault of the reader.
    const before = process.threadCpuUsage()
    const problems = problemsOf(text, { environment: { BIG: 'b'.repeat(10_000) } })
    const { user, system } = process.threadCpuUsage(before)
    const tookMs = (user + system) / 1000
    expect(problems.map((problem) => problem.message).join('\n')).toMatch(message)
    expect(problems.length).toBeLessThanOrEqual(201)
    expect(tookMs).toBeLessThan(1000)
  })
})

describe('for any text', () => {
  const words = fc.constantFrom(
    ...'services name volumes image build ports x-polis domains databases env depends_on command healthcheck test deploy'.split(
      ' ',
    ),
    ...'<< &a *a $A ${A} ${A:?} null ~ true 1.5 0x1f - ? | > --- ... !!str !x % @ ` # [] {} "" \'\' : , [ ] { }'.split(
      ' ',
    ),
  )
  const piece = fc.oneof(
    words,
    fc.constantFrom('\n', '\n  ', '\n    ', ': ', ' ', '"'),
    fc.string({ maxLength: 3, unit: 'binary' }),
  )

  test('the reader gives a model or a refusal', () => {
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
        expect(problemsOf(pieces.join(''))).toBeInstanceOf(Array)
      }),
      { numRuns: 3000 },
    )
  })

  test('whatever stands behind a key', () => {
    const value = fc.json({ maxDepth: 3 })
    const key = fc.constantFrom(
      ...'build command cpus depends_on deploy entrypoint environment expose healthcheck image init labels mem_limit'.split(
        ' ',
      ),
      ...'pids_limit ports restart scale stop_grace_period stop_signal user volumes working_dir x-polis'.split(
        ' ',
      ),
    )
    fc.assert(
      fc.property(key, value, (name, json) => {
        const text = `services: {a: {image: x, "${name}": ${json}}}`.replace(
          'image: x, "image"',
          '"image"',
        )
        expect(problemsOf(text)).toBeInstanceOf(Array)
      }),
      { numRuns: 3000 },
    )
  })

  test('whatever stands behind a nested key', () => {
    const value = fc.json({ maxDepth: 2 })
    const path = fc.constantFrom(
      ['deploy', 'resources', 'limits', 'memory'],
      ['deploy', 'restart_policy'],
      ['healthcheck', 'test'],
      ['healthcheck', 'interval'],
      ['build', 'context'],
      ['x-polis', 'domains'],
      ['x-polis', 'databases'],
      ['x-polis', 'volumes'],
    )
    fc.assert(
      fc.property(path, value, (names, json) => {
        const nested = names.reduceRight((inner, name) => `{"${name}": ${inner}}`, json)
        const text = `services: {a: {image: x, ${nested.slice(1, -1)}}}`
        expect(problemsOf(text)).toBeInstanceOf(Array)
      }),
      { numRuns: 2000 },
    )
  })
})
