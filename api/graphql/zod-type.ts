import { z } from 'zod'

/** What a zod schema of the resources means to GraphQL. */
export interface ZodType {
  readonly isOptional: boolean
  readonly isList: boolean
  /** Only inputs have one. */
  readonly defaultValue: unknown
  readonly of:
    | { readonly type: 'scalar'; readonly name: ScalarName }
    | { readonly type: 'enum'; readonly values: readonly string[] }
    | { readonly type: 'object'; readonly schema: z.ZodObject }
    | { readonly type: 'union'; readonly members: readonly z.ZodObject[] }
}

export type ScalarName =
  | 'String'
  | 'Int'
  | 'Float'
  | 'Boolean'
  | 'ID'
  | 'DateTime'
  | 'ByteCount'
  | 'StringMap'
  | 'JSON'

/** Reads a field's schema. Names carry units and meanings here (`sizeBytes`, `nodeUid`, `startedAt`), so they choose the scalar. */
export function zodTypeOf(name: string, schema: unknown): ZodType {
  if (schema instanceof z.ZodOptional) {
    return { ...zodTypeOf(name, schema.unwrap()), isOptional: true }
  }
  if (schema instanceof z.ZodDefault) {
    const { defaultValue } = schema.def
    return { ...zodTypeOf(name, schema.unwrap()), isOptional: true, defaultValue }
  }
  if (schema instanceof z.ZodArray) return { ...zodTypeOf(name, schema.element), isList: true }
  return { isOptional: false, isList: false, defaultValue: undefined, of: typeOf(name, schema) }
}

function typeOf(name: string, schema: unknown): ZodType['of'] {
  if (schema instanceof z.ZodObject) return { type: 'object', schema }
  if (schema instanceof z.ZodEnum) return { type: 'enum', values: schema.options.map(String) }
  if (schema instanceof z.ZodDiscriminatedUnion) {
    const members = schema.options.filter((option) => option instanceof z.ZodObject)
    return { type: 'union', members }
  }
  if (schema instanceof z.ZodBoolean) return { type: 'scalar', name: 'Boolean' }
  if (schema instanceof z.ZodString) return { type: 'scalar', name: textScalar(name) }
  if (schema instanceof z.ZodNumber) return { type: 'scalar', name: numberScalar(name, schema) }
  if (schema instanceof z.ZodRecord) {
    const isText = schema.valueType instanceof z.ZodString
    return { type: 'scalar', name: isText ? 'StringMap' : 'JSON' }
  }
  throw new Error(`${name}: a schema that GraphQL has no type for`)
}

function textScalar(name: string): ScalarName {
  if (/^uid$|Uids?$/.test(name)) return 'ID'
  return /At$|^since$/.test(name) ? 'DateTime' : 'String'
}

function numberScalar(name: string, schema: z.ZodNumber): ScalarName {
  if (name.endsWith('Bytes')) return 'ByteCount'
  return schema.isInt ? 'Int' : 'Float'
}
