import type { z } from 'zod'

/** Left out of the schema: nobody is ever shown it. */
export const SECRET = Symbol('secret')
/** Left out here because another field shows it in a better form. */
export const ELSEWHERE = Symbol('elsewhere')

export type Word = string | typeof SECRET | typeof ELSEWHERE
export type WordsOf<Value> = { readonly [Key in keyof Required<Value> & string]: Word }

/** An object type of the schema that is made of a zod object: its name, and a sentence for each field. */
export interface Shape {
  readonly name: string
  readonly summary: string
  readonly schema: z.ZodObject
  readonly words: Readonly<Record<string, Word>>
  /** Narrower schemas that this type speaks for too. */
  readonly also?: readonly z.ZodObject[]
}

export function shape<Schema extends z.ZodObject>(
  name: string,
  schema: Schema,
  summary: string,
  words: WordsOf<z.infer<Schema>>,
): Shape {
  return { name, schema, summary, words }
}
