import { expect, test } from 'vitest'
import { variablesOf } from './variables.ts'

test('finds variables in values, in defaults, and settings without a value', () => {
  const text = `
name: \${NAME:?give it}
x-defaults: &defaults
  environment: [A=1, FROM_LIST, "B=\${B:-\${C:?x}}"]
services:
  web:
    <<: *defaults
    build: {args: {FROM_ARGS: , X: "$$NOT"}}
    ports: ["\${PORT-80}:80"]
    labels: [NO_VARIABLE]
  other:
    image: "a:\${bad"
    environment: {FROM_MAP: , Y: "1"}
`
  const found = variablesOf({ path: 'compose.yaml', text })
  expect(found.map(({ name, isRequired }) => (isRequired ? `${name}!` : name))).toEqual([
    'B',
    'C',
    'FROM_ARGS',
    'FROM_LIST',
    'FROM_MAP',
    'NAME!',
    'PORT',
  ])
})

test('shapes that are wrong are left for the reader to refuse', () => {
  for (const text of [
    '',
    '[]',
    'services: 1',
    'services: {a: []}',
    'services: {a: {build: x, environment: 1}}',
  ]) {
    expect(variablesOf({ path: 'compose.yaml', text })).toEqual([])
  }
})

test('broken YAML is refused', () => {
  expect(() => variablesOf({ path: 'compose.yaml', text: 'a: [' })).toThrow(/YAML/)
})
