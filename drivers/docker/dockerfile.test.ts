import fc from 'fast-check'
import { expect, test } from 'vitest'
import { baseImages } from './dockerfile.ts'

const lines = (...text: readonly string[]): string => text.join('\n')

test('a base image is what FROM names', () => {
  expect(baseImages('FROM debian:12\nRUN true', {}, undefined)).toEqual(['debian:12'])
  expect(baseImages('# x\n\nfrom --platform=linux/amd64 a/b@sha256:1 as c', {}, undefined)).toEqual(
    ['a/b@sha256:1'],
  )
  expect(baseImages('FROM scratch\nCOPY a b', {}, undefined)).toEqual([])
})

test('stages are no images, and what comes after the target is not needed', () => {
  const dockerfile = lines(
    'FROM one AS Build',
    'COPY --from=tools:1 /x /x',
    'FROM two',
    'COPY --chown=1 --from=build /x /x',
    'COPY --from=0 /x /x',
    'FROM build AS last',
    'FROM three',
  )
  expect(baseImages(dockerfile, {}, undefined)).toEqual(['one', 'tools:1', 'two', 'three'])
  expect(baseImages(dockerfile, {}, 'last')).toEqual(['one', 'tools:1', 'two'])
  expect(baseImages(dockerfile, {}, 'build')).toEqual(['one', 'tools:1'])
  expect(baseImages('FROM a AS a', {}, undefined)).toEqual(['a'])
})

test('arguments before the first FROM are put in, as given or preset', () => {
  const dockerfile = lines(
    'ARG BASE=debian TAG="12"',
    'ARG EMPTY',
    'FROM ${BASE}:$TAG',
    'ARG BASE=inner',
    'FROM ${EMPTY:-spare}${EMPTY:+never}${TAG:+-tagged}',
    'FROM $EMPTY',
  )
  expect(baseImages(dockerfile, {}, undefined)).toEqual(['debian:12', 'spare-tagged'])
  expect(baseImages(dockerfile, { BASE: 'alpine', EMPTY: 'e' }, undefined)).toEqual([
    'alpine:12',
    'enever-tagged',
    'e',
  ])
})

test('continued lines are one, with comments between them left out', () => {
  expect(baseImages(lines('FROM \\', '# why', '  debian', 'RUN x \\', ' FROM y'), {}, undefined)) //
    .toEqual(['debian'])
  expect(baseImages(lines('# escape=`', 'FROM `', ' debian'), {}, undefined)).toEqual(['debian'])
})

test('no text makes it throw or stand still', () => {
  const word = fc.constantFrom(
    'FROM',
    'ARG',
    'COPY',
    '--from=',
    'AS',
    '\\',
    '#',
    '$',
    '${',
    '}',
    ':-',
  )
  const piece = fc.oneof(word, fc.constant('\n'), fc.constant(' '), fc.string())
  const text = fc.array(piece, { maxLength: 40 }).map((pieces) => pieces.join(' '))
  fc.assert(
    fc.property(text, fc.option(fc.string(), { nil: undefined }), (dockerfile, target) => {
      for (const image of baseImages(dockerfile, {}, target)) expect(image).not.toBe('')
    }),
    { numRuns: 300 },
  )
})
