import type { InputRef } from '@pothos/core'
import { ChangeRequest } from '@polis/kernel/request'
import { type Problem, refusal } from '@polis/lib/error'
import { z } from 'zod'
import type { Builder } from './builder.ts'
import { fieldsOf, type ObjectTypes } from './object-types.ts'
import { attachTargets, inputShapes, requestSchema } from './words/input-shapes.ts'
import { type ScalarName, type ZodType } from './zod-type.ts'

type AnyInput = InputRef<unknown>

interface InputShape {
  readonly name: string
  readonly summary: string
  readonly schema: z.ZodObject
  readonly words: Readonly<Record<string, unknown>>
}

/** Input types made of the zod schemas of requests. */
export class InputTypes {
  readonly #builder: Builder
  readonly #types: ObjectTypes
  readonly #inputs = new Map<string, AnyInput>()

  constructor(builder: Builder, types: ObjectTypes) {
    this.#builder = builder
    this.#types = types
  }

  /** The input type of a request: `DeployInput`. */
  ofRequest(
    type: ChangeRequest['type'],
    { summary, words }: { readonly summary: string; readonly words: InputShape['words'] },
  ): AnyInput {
    const name = `${type.charAt(0).toUpperCase()}${type.slice(1)}`
    const schema = z.object(requestSchema(type).shape).omit({ type: true })
    return this.#add({ name, summary, schema, words })
  }

  #add(shape: InputShape): AnyInput {
    const known = this.#inputs.get(shape.name)
    if (known !== undefined) return known
    const fields = fieldsOf(shape)
    const ref = this.#builder.inputType(`${shape.name}Input`, {
      description: shape.summary,
      fields: (t) =>
        Object.fromEntries(
          fields.map(({ name, type, description }) => {
            const base = this.#refOf(type)
            const options = { description, required: !type.isOptional }
            const defaultValue = shownDefault(type)
            return [
              name,
              type.isList
                ? t.field({ ...options, type: [base], defaultValue: listOrNone(defaultValue) })
                : t.field({ ...options, type: base, defaultValue }),
            ]
          }),
        ),
    })
    this.#inputs.set(shape.name, ref)
    return ref
  }

  #refOf({ of }: ZodType): AnyInput | ScalarName {
    switch (of.type) {
      case 'scalar':
        return of.name
      case 'enum':
        return this.#types.enumWith(of.values)
      case 'object': {
        const shape = inputShapes.find(({ schema }) => schema === of.schema)
        if (shape === undefined) throw new Error('a part of a request has no name')
        return this.#add(shape)
      }
      case 'union':
        return this.#attachTarget()
    }
  }

  #attachTarget(): AnyInput {
    const name = 'AttachTarget'
    const known = this.#inputs.get(name)
    if (known !== undefined) return known
    const ref = this.#builder.inputType(`${name}Input`, {
      isOneOf: true,
      description: 'What to give to a service: exactly one of these.',
      fields: (t) =>
        Object.fromEntries(
          Object.entries(attachTargets).map(([field, shape]) => [
            field,
            t.field({ type: this.#add(shape), description: shape.summary }),
          ]),
        ),
    })
    this.#inputs.set(name, ref)
    return ref
  }
}

/** The request that a mutation's input means. Throws InvalidArgument with every finding. */
export function toChangeRequest(type: ChangeRequest['type'], input: unknown): ChangeRequest {
  const given = withoutNulls(input)
  const fields = type === 'attach' ? { ...given, target: tagged(given['target']) } : given
  const parsed = ChangeRequest.safeParse({ ...fields, type })
  if (parsed.success) return parsed.data
  throw refusal(parsed.error.issues.map((issue) => toProblem(issue)))
}

const Fields = z.record(z.string(), z.unknown())

/** GraphQL's null is the same as absent; its objects have no prototype. */
function withoutNulls(input: unknown): Readonly<Record<string, unknown>> {
  const entries = Object.entries(Fields.parse(input)).filter(([, value]) => value !== null)
  return Object.fromEntries(entries.map(([key, value]) => [key, plain(value)]))
}

function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item: unknown) => plain(item))
  return typeof value === 'object' && value !== null ? withoutNulls(value) : value
}

/** `{ domain: { host } }` as `{ type: 'domain', host }`. */
function tagged(target: unknown): unknown {
  const [member] = Object.entries(Fields.parse(target))
  if (member === undefined) return target
  const [type, fields] = member
  return { ...Fields.parse(fields), type }
}

function toProblem(issue: z.core.$ZodIssue): Problem {
  return { code: 'InvalidArgument', path: toKeyPath(issue.path), message: issue.message }
}

/** `files[0].text` */
function toKeyPath(path: readonly PropertyKey[]): string {
  const text = path.map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`))
  return text.join('').replace(/^\./, '')
}

function listOrNone(value: unknown): unknown[] | undefined {
  return Array.isArray(value) ? value : undefined
}

/** GraphQL cannot write an empty map down; the request's own schema fills it in. */
function shownDefault({ of, defaultValue }: ZodType): unknown {
  return of.type === 'scalar' && (of.name === 'StringMap' || of.name === 'JSON')
    ? undefined
    : defaultValue
}
