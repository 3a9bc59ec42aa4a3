import fc from 'fast-check'
import { z } from 'zod'

const Shape = z.object({
  type: z.string().optional(),
  properties: z.record(z.string(), z.unknown()).optional(),
  required: z.array(z.string()).optional(),
  additionalProperties: z.unknown().optional(),
  items: z.unknown().optional(),
  enum: z.array(z.string()).optional(),
  const: z.string().optional(),
  oneOf: z.array(z.unknown()).optional(),
  maxLength: z.number().optional(),
  minimum: z.number().optional(),
  exclusiveMinimum: z.number().optional(),
  maximum: z.number().optional(),
})
type Shape = z.infer<typeof Shape>

/** Values that a schema allows, as JSON carries them. Throws for a construct that it does not know. */
export function arbitraryOf(schema: z.ZodType): fc.Arbitrary<unknown> {
  return fromShape(z.toJSONSchema(schema))
}

function fromShape(unread: unknown): fc.Arbitrary<unknown> {
  const shape = Shape.parse(unread)
  if (shape.const !== undefined) return fc.constant(shape.const)
  if (shape.enum !== undefined) return fc.constantFrom(...shape.enum)
  if (shape.oneOf !== undefined) return fc.oneof(...shape.oneOf.map(fromShape))
  switch (shape.type) {
    case 'object':
      return objects(shape)
    case 'array':
      return fc.array(fromShape(shape.items), { maxLength: 4 })
    case 'string':
      return fc.string({ unit: 'grapheme', maxLength: Math.min(shape.maxLength ?? 30, 30) })
    case 'boolean':
      return fc.boolean()
    case 'integer':
      return fc.integer({
        min: shape.minimum ?? (shape.exclusiveMinimum ?? -101) + 1,
        max: shape.maximum ?? 1_000_000,
      })
    case 'number':
      // JSON has one zero only.
      return fc
        .double({ min: shape.exclusiveMinimum ?? -1e9, max: 1e9, minExcluded: true, noNaN: true })
        .map((value) => (Object.is(value, -0) ? 0 : value))
    case undefined:
      return fc
        .jsonValue({ maxDepth: 2 })
        .map((value) => JSON.parse(JSON.stringify(value)) as unknown)
    default:
      throw new Error(`no arbitrary for ${JSON.stringify(unread)}`)
  }
}

function objects({ properties, required, additionalProperties }: Shape): fc.Arbitrary<unknown> {
  if (properties === undefined) {
    const keys = fc.string({ maxLength: 10 }).filter((key) => key !== '__proto__')
    return fc.dictionary(keys, fromShape(additionalProperties ?? {}), { maxKeys: 4 })
  }
  const members = Object.entries(properties).map(([key, shape]) => [key, fromShape(shape)] as const)
  return fc.record(Object.fromEntries(members), {
    requiredKeys: [...(required ?? [])],
    noNullPrototype: true,
  })
}
