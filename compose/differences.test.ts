import { expect, test } from 'vitest'
import { type ServiceField, diffModels, replacesTasks } from './differences.ts'
import type { ApplicationModel } from './model.ts'
import { readCompose } from './read-compose.ts'

const BEFORE = `
name: shop
services:
  web:
    image: shop:1
    environment: {A: "1", B: "2", SECRET: before}
    ports: ["8080:80"]
    x-polis: {domains: [shop.localhost], databases: [{name: db}], volumes: [media]}
  worker:
    image: shop:1
    depends_on: [web]
volumes: {data: , old: }
`

function model(text: string): ApplicationModel {
  const files = [{ path: 'compose.yaml', text }]
  return readCompose({ files, environment: {}, allowBindRoots: [] }).model
}

/** The fields of web that differ when `from` is replaced by `to`, and whether tasks must go. */
function change(from: string, to: string): readonly [ServiceField, boolean, readonly string[]][] {
  expect(BEFORE).toContain(from)
  const difference = diffModels(model(BEFORE), model(BEFORE.replace(from, to)))
  return difference.changedServices.flatMap(({ fields }) =>
    fields.map(({ field, isReplacing, keys }): [ServiceField, boolean, readonly string[]] => [
      field,
      isReplacing,
      keys,
    ]),
  )
}

test('equal models have no differences', () => {
  expect(diffModels(model(BEFORE), model(BEFORE))).toEqual({
    addedServices: [],
    removedServices: [],
    changedServices: [],
    addedVolumes: [],
    removedVolumes: [],
    changedVolumes: [],
  })
})

test('services and volumes that come, go or change', () => {
  const after = BEFORE.replace('worker:', 'mailer:')
    .replace('old: ', 'new: ')
    .replace('data: ', 'data: {name: x}')
  const difference = diffModels(model(BEFORE), model(after))
  expect(difference).toMatchObject({
    addedServices: ['mailer'],
    removedServices: ['worker'],
    changedServices: [],
    addedVolumes: ['new'],
    removedVolumes: ['old'],
    changedVolumes: ['data'],
  })
})

test.each([
  ['image: shop:1', 'image: shop:2', [['source', true, []]]],
  [
    'B: "2", SECRET: before',
    'C: "3", SECRET: after',
    [['environment', true, ['B', 'C', 'SECRET']]],
  ],
  ['"8080:80"', '"8081:80"', [['ports', false, ['0.0.0.0:8080:80', '0.0.0.0:8081:80']]]],
  ['shop.localhost', 'new.localhost', [['domains', false, ['new.localhost', 'shop.localhost']]]],
  ['volumes: [media]', 'volumes: [files]', [['dynamicVolumes', false, ['files', 'media']]]],
  ['{name: db}', '{name: db, database: other}', [['databases', false, ['db']]]],
  ['{name: db}', '{name: db, env: {URL: uri}}', [['databases', true, ['db']]]],
  [
    'depends_on: [web]',
    'scale: 2',
    [
      ['dependsOn', false, ['web']],
      ['replicas', false, []],
    ],
  ],
] as const)('%s to %s', (from, to, expected) => {
  expect(change(from, to)).toEqual(expected)
})

test('replacesTasks says whether any field does', () => {
  const [scaled] = diffModels(
    model(BEFORE),
    model(BEFORE.replace('[web]', '[web]\n    scale: 2')),
  ).changedServices
  const [rebuilt] = diffModels(
    model(BEFORE),
    model(BEFORE.replace('shop:1', 'shop:2')),
  ).changedServices
  expect(scaled && replacesTasks(scaled)).toBe(false)
  expect(rebuilt && replacesTasks(rebuilt)).toBe(true)
})

test('no value of the environment appears', () => {
  const difference = diffModels(model(BEFORE), model(BEFORE.replace('before', 'after')))
  expect(JSON.stringify(difference)).not.toMatch(/before|after/)
})
