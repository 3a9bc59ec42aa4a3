import type { EnumRef, ImplementableObjectRef, OutputRef } from '@pothos/core'
import type { z } from 'zod'
import type { Builder, SchemaTypes } from './builder.ts'
import { enums, type EnumWords, toEnumName } from './words/enums.ts'
import type { Shape } from './words/shape.ts'
import { shapes } from './words/shapes.ts'
import { type ScalarName, type ZodType, zodTypeOf } from './zod-type.ts'

export type Fields = Readonly<Record<string, unknown>>
export type ObjectRefOf<Value> = ImplementableObjectRef<SchemaTypes, Value>
type WordEnumRef = EnumRef<SchemaTypes, string>

/**
 * Object and enum types made of zod schemas and the sentences that describe them, so that the published schema
 * cannot fall behind what is stored. A field without a sentence, or a part without a name, ends the build.
 */
export class ObjectTypes {
  readonly #builder: Builder
  readonly #shapeBySchema = new Map<unknown, Shape>()
  readonly #objects = new Map<string, ObjectRefOf<Fields>>()
  readonly #enums = new Map<string, WordEnumRef>()

  constructor(builder: Builder) {
    this.#builder = builder
    for (const shape of shapes) {
      for (const schema of [shape.schema, ...(shape.also ?? [])]) {
        this.#shapeBySchema.set(schema, shape)
      }
    }
    for (const words of enums) this.#enums.set(words.name, this.#addEnum(words))
  }

  /** The type of a described part, such as `Condition`. */
  named(name: string): ObjectRefOf<Fields> {
    const shape = shapes.find((candidate) => candidate.name === name)
    if (shape === undefined) throw new Error(`no shape is called ${name}`)
    return this.add(shape)
  }

  /** A type that is there already, such as `VolumeSpec`. */
  known(name: string): ObjectRefOf<Fields> {
    const ref = this.#objects.get(name)
    if (ref === undefined) throw new Error(`no object type is called ${name}`)
    return ref
  }

  enumNamed(name: string): WordEnumRef {
    const found = this.#enums.get(name)
    if (found === undefined) throw new Error(`no enum is called ${name}`)
    return found
  }

  /** The enum with exactly these values. */
  enumWith(values: readonly string[]): WordEnumRef {
    const wanted = values.toSorted().join()
    const found = enums.find((e) => Object.keys(e.values).toSorted().join() === wanted)
    if (found === undefined) throw new Error(`no description of the values ${values.join(', ')}`)
    return this.enumNamed(found.name)
  }

  /** The object type of a shape; the same one on each call. */
  add(shape: Shape): ObjectRefOf<Fields> {
    const known = this.#objects.get(shape.name)
    if (known !== undefined) return known
    const ref = this.#builder.objectRef<Fields>(shape.name)
    this.#objects.set(shape.name, ref)
    const visible = fieldsOf(shape).map((field) => ({ ...field, base: this.#refOf(field.type) }))
    ref.implement({
      description: shape.summary,
      fields: (t) =>
        Object.fromEntries(
          visible.map(({ name, type, description, base }) => {
            const options = { description, nullable: type.isOptional }
            return [
              name,
              type.isList
                ? t.field({ ...options, type: [base], resolve: (parent) => toList(parent[name]) })
                : t.field({ ...options, type: base, resolve: (parent) => parent[name] }),
            ]
          }),
        ),
    })
    return ref
  }

  #refOf({ of }: ZodType): OutputRef<unknown> | ScalarName {
    switch (of.type) {
      case 'scalar':
        return of.name
      case 'enum':
        return this.enumWith(of.values)
      case 'object': {
        const shape = this.#shapeBySchema.get(of.schema)
        if (shape === undefined) throw new Error('a part of the schema has no name')
        return this.add(shape)
      }
      case 'union':
        throw new Error('a union is described by hand')
    }
  }

  #addEnum(words: EnumWords): WordEnumRef {
    return this.#builder.enumType(words.name, {
      description: words.summary,
      values: Object.fromEntries(
        Object.entries(words.values).map(([value, description]) => [
          toEnumName(value),
          { value, description },
        ]),
      ),
    })
  }
}

interface Field {
  readonly name: string
  readonly type: ZodType
  readonly description: string
}

/** Fields that may be shown. One that has no words, or words without a field, is a mistake of the build. */
export function fieldsOf(shape: {
  readonly name: string
  readonly schema: z.ZodObject
  readonly words: Readonly<Record<string, unknown>>
}): readonly Field[] {
  const names = new Set([...Object.keys(shape.schema.shape), ...Object.keys(shape.words)])
  return [...names].flatMap((name) => {
    const description = shape.words[name]
    const schema: unknown = shape.schema.shape[name]
    if (typeof description === 'symbol') return []
    if (typeof description !== 'string' || schema === undefined) {
      throw new Error(`${shape.name}.${name}: not described, or described and not there`)
    }
    return [{ name, type: zodTypeOf(name, schema), description }]
  })
}

function toList(value: unknown): readonly unknown[] | undefined {
  return Array.isArray(value) ? value : undefined
}
