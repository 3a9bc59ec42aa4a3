import SchemaBuilder from '@pothos/core'
import type { Json } from '@polis/lib/json'
import type { ApiContext } from './context.ts'
import { parseByteCount, parseJson, parseStringMap, toWire } from './scalars.ts'

interface Types {
  readonly Context: ApiContext
  readonly DefaultFieldNullability: false
  readonly Scalars: {
    readonly ID: { readonly Input: string; readonly Output: string }
    readonly DateTime: { readonly Input: string; readonly Output: string }
    readonly ByteCount: { readonly Input: number; readonly Output: number }
    readonly StringMap: {
      readonly Input: Readonly<Record<string, string>>
      readonly Output: Readonly<Record<string, string>>
    }
    readonly JSON: { readonly Input: Json; readonly Output: Json }
  }
}

/** A builder that knows the scalars; the schema is put together on it. */
// oxlint-disable-next-line typescript/explicit-module-boundary-types -- the library's own type is what has to be inferred
export function createBuilder() {
  const builder = new SchemaBuilder<Types>({ defaultFieldNullability: false })
  builder.scalarType('DateTime', {
    description: 'A moment as ISO 8601 text in UTC: `2026-01-31T12:00:00.000Z`.',
    serialize: (text) => text,
    parseValue: (value) => new Date(String(value)).toISOString(),
  })
  builder.scalarType('ByteCount', {
    description: 'A whole number of bytes, up to 2^53; larger than Int can carry.',
    serialize: (count) => count,
    parseValue: parseByteCount,
  })
  builder.scalarType('StringMap', {
    description: 'A JSON object whose values are all text: `{"PORT": "80"}`.',
    serialize: toWire,
    parseValue: parseStringMap,
  })
  builder.scalarType('JSON', {
    description:
      'Any JSON value. Only where the shape is not for Polis to decide: parameters of a driver.',
    serialize: toWire,
    parseValue: parseJson,
  })
  return builder
}

export type Builder = ReturnType<typeof createBuilder>
export type SchemaTypes = Builder['$inferSchemaTypes']
