import { readFileSync } from 'node:fs'
import {
  getNamedType,
  type GraphQLField,
  type GraphQLInputField,
  type GraphQLNamedType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isObjectType,
  lexicographicSortSchema,
  printSchema,
} from 'graphql'
import { kindNames } from '@polis/resources/registry'
import { ChangeRequest } from '@polis/kernel/request'
import { expect, test } from 'vitest'
import { createSchema } from './schema.ts'

const schema = createSchema()
const types = Object.values(schema.getTypeMap()).filter(({ name }) => !name.startsWith('__'))

test('api/schema.graphql is what the code makes: run `node api/print-schema.ts`', () => {
  const published = readFileSync(new URL('../schema.graphql', import.meta.url), 'utf8')
  expect(published).toBe(`${printSchema(lexicographicSortSchema(schema))}\n`)
})

test('every type, field, argument and value is described', () => {
  const undescribed = types.flatMap((type) => {
    const parts: { readonly at: string; readonly description?: string | null | undefined }[] = [
      { at: type.name, description: type.description },
    ]
    if (isEnumType(type)) {
      for (const value of type.getValues())
        parts.push({ at: `${type.name}.${value.name}`, description: value.description })
    }
    for (const field of fieldsOf(type)) {
      const at = `${type.name}.${field.name}`
      parts.push({ at, description: field.description })
      const args = 'args' in field ? field.args : []
      for (const { name, description } of args) parts.push({ at: `${at}(${name})`, description })
    }
    return parts.filter(({ description }) => (description ?? '') === '').map(({ at }) => at)
  })
  expect(undescribed).toEqual([])
})

test.each(kindNames)('%s has a type, a list and a look-up', (kind) => {
  expect(isObjectType(schema.getType(kind))).toBe(true)
  const fields = Object.values(schema.getQueryType()?.getFields() ?? {})
  const names = fields.map(({ type }) => getNamedType(type).name)
  expect(names).toContain(kind)
  expect(names).toContain(`${kind}Connection`)
})

test.each(ChangeRequest.options.map((option) => option.shape.type.value))(
  'the request %s has a mutation',
  (type) => {
    const field = schema.getMutationType()?.getFields()[type]
    expect(field?.args.map(({ name }) => name).toSorted()).toEqual(['input', 'planOnly'])
  },
)

test('what nobody may see is in no type', () => {
  const fields = types.flatMap((type) =>
    isObjectType(type) || isInterfaceType(type) ? Object.keys(type.getFields()) : [],
  )
  for (const secret of ['sealedValue', 'passwordHash', 'hash']) expect(fields).not.toContain(secret)
})

function fieldsOf(
  type: GraphQLNamedType,
): readonly (GraphQLField<unknown, unknown> | GraphQLInputField)[] {
  const hasFields = isInputObjectType(type) || isObjectType(type) || isInterfaceType(type)
  return hasFields ? Object.values(type.getFields()) : []
}
