import { PolisError } from '@polis/lib/error'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseDockerIgnore } from './docker-ignore.ts'

// Cases of moby/patternmatcher and of the manual's page, in their words.
test.each([
  // pattern, path, excluded
  ['**', 'file', true],
  ['**', 'dir/file', true],
  ['**/', 'file', true],
  ['**/**', 'dir/file', true],
  ['dir/**', 'dir/file', true],
  ['dir/**', 'dir', false],
  ['dir/**', 'dir/dir2/file', true],
  ['**/dir', 'dir', true],
  ['**/dir', 'dir/file', true],
  ['**/dir2/*', 'dir/dir2/file', true],
  ['**/dir2/*', 'dir/dir2/dir2/file', true],
  ['**file', 'file', true],
  ['**file', 'dir/file', true],
  ['**file', 'xfile', true],
  ['**file*', 'xfile', false],
  ['**/file', 'dir/dir/file', true],
  ['**/file*', 'dir/dir/file.txt', true],
  ['**/file*txt', 'dir/dir/file.txt', true],
  ['**/**/*.txt', 'dir/dir/file.txt', true],
  ['**/**/*.txt2', 'dir/dir/file.txt', false],
  ['**/*.txt', 'file.txt', true],
  ['a**/*.txt', 'a/file.txt', true],
  ['a**/*.txt', 'a/dir/file.txt', true],
  ['a/*.txt', 'a/dir/file.txt', false],
  ['a/*.txt', 'a/file.txt', true],
  ['a[b-d]e', 'ae', false],
  ['a[b-d]e', 'ace', true],
  ['a[b-d]e', 'aae', false],
  ['a[^b-d]e', 'aze', true],
  ['a[^b-d]e', 'ace', false],
  ['.*', '.foo', true],
  ['.*', 'foo', false],
  ['abc.def', 'abcdef', false],
  ['abc.def', 'abc.def', true],
  ['abc?def', 'abcZdef', true],
  ['abc?def', 'abcdef', false],
  ['abc?def', 'abc/def', false],
  ['a\\\\', 'a\\', true],
  ['a\\*b', 'a*b', true],
  ['a\\*b', 'axb', false],
  ['**/foo/bar', 'foo/bar', true],
  ['**/foo/bar', 'dir/foo/bar', true],
  ['abc/**', 'abc', false],
  ['abc/**', 'abc/def/ghi', true],
  ['**/.foo', '.foo', true],
  ['**/.foo', 'bar.foo', false],
  ['./bar', 'bar', true],
  ['/bar', 'bar', true],
  ['/bar/', 'bar/x', true],
  ['bar/../baz', 'baz', true],
  ['*', 'a/b/c', true],
  ['*/temp*', 'somedir/temporary.txt', true],
  ['*/*/temp*', 'somedir/subdir/temporary.txt', true],
  ['temp?', 'tempa/x', true],
  ['  spaces  ', 'spaces', true],
  ['# comment', '# comment', false],
  ['(a+b|c){1}$', '(a+b|c){1}$', true],
  ['Dir', 'dir', false],
  ['*.md', 'README.md', true],
  ['*.md', 'docs/README.md', false],
])('%s and %s: %s', (pattern, path, isExcluded) => {
  expect(parseDockerIgnore(pattern).excludes(path)).toBe(isExcluded)
})

test.each([
  ['*.md\n!README.md', 'README.md', false],
  ['*.md\n!README.md', 'x.md', true],
  ['*.md\n!README*.md\nREADME-secret.md', 'README-secret.md', true],
  ['*.md\nREADME-secret.md\n!README*.md', 'README-secret.md', false],
  ['*\n!src', 'src/deep/a.ts', false],
  ['*\n!src', 'lib/a.ts', true],
  ['*\n!src\nsrc/secret', 'src/secret/x', true],
  ['node_modules\n!node_modules/keep', 'node_modules/keep/x', false],
  ['node_modules\n!node_modules/keep', 'node_modules/other', true],
  ['**\n!**/*.ts', 'a/b.ts', false],
  ['**\n! src/x', 'src/x', false],
  ['\uFEFFa\r\nb\r\n', 'a', true],
  ['a\r\nb\r\n', 'b', true],
])('%j: %s: %s', (text, path, isExcluded) => {
  expect(parseDockerIgnore(text).excludes(path)).toBe(isExcluded)
})

test('the Dockerfile comes along whatever the patterns say', () => {
  const ignore = parseDockerIgnore('*', ['./deploy/Dockerfile', '.dockerignore'])
  expect(ignore.excludes('deploy/Dockerfile')).toBe(false)
  expect(ignore.excludes('deploy/other')).toBe(true)
  expect(ignore.excludesAllBelow('deploy')).toBe(false)
  expect(ignore.excludesAllBelow('src')).toBe(true)
})

test.each(['[', '[a', 'a\\', '[]a]', '[-]', '[x-]', '[b-a]', '!', 'ok\n!\n'])(
  '%j is refused with its line',
  (text) => {
    expect(() => parseDockerIgnore(text)).toThrow(PolisError)
  },
)

const names = fc.constantFrom('a', 'b', 'src', 'x.ts', '*', '**', '?', '[ab]', '*.ts')
const patterns = fc
  .array(fc.tuple(fc.boolean(), fc.array(names, { minLength: 1, maxLength: 3 })), { maxLength: 5 })
  .map((lines) =>
    lines.map(([isKept, parts]) => `${isKept ? '!' : ''}${parts.join('/')}`).join('\n'),
  )
const paths = fc
  .array(fc.constantFrom('a', 'b', 'src', 'x.ts', 'c'), { minLength: 1, maxLength: 4 })
  .map((parts) => parts.join('/'))

test('a folder that may be skipped holds nothing that comes along', () => {
  fc.assert(
    fc.property(patterns, paths, paths, (text, folder, below) => {
      const ignore = parseDockerIgnore(text)
      const isSkipped = ignore.excludesAllBelow(folder)
      expect(isSkipped && !ignore.excludes(`${folder}/${below}`)).toBe(false)
    }),
    { numRuns: 2000 },
  )
})

/** The same rules by regular expression, as the original has them. */
function matchesByRegExp(pattern: string, path: string): boolean {
  const source = pattern
    .replaceAll(/[.+(){}|^$]/g, '\\$&')
    .replaceAll(/\*\*\/|\*\*$|\*\*|\*|\?/g, (sign) => {
      if (sign === '**/' || (sign === '**' && !pattern.endsWith('**'))) return '(.*/)?'
      if (sign === '**') return '.*'
      return sign === '*' ? '[^/]*' : '[^/]'
    })
  return new RegExp(`^${source}$`, 's').test(path)
}

test('agrees with regular expressions on single patterns', () => {
  const single = fc.array(names, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'))
  fc.assert(
    fc.property(single, paths, (pattern, path) => {
      const parts = path.split('/')
      const ways = parts.map((_, index) => parts.slice(0, index + 1).join('/'))
      const expected = ways.some((way) => matchesByRegExp(pattern, way))
      expect(parseDockerIgnore(pattern).excludes(path)).toBe(expected)
    }),
    { numRuns: 3000 },
  )
})

test('a hostile pattern takes no time to speak of', () => {
  const before = process.threadCpuUsage()
  parseDockerIgnore(`${'**/a*'.repeat(100)}b`).excludes('a/'.repeat(500))
  expect(process.threadCpuUsage(before).user).toBeLessThan(1_000_000)
})
