// Maps that may also be written as lists of KEY=VALUE: environment, build arguments, labels.
import type { Field } from './field.ts'
import { type Environment, valueOf } from './template.ts'

interface Pair {
  readonly key: string
  /** Undefined: only the key was given. */
  readonly value: string | undefined
  readonly field: Field
}

/** Values of keys without one come from `environment`; what is unset there is left out, as Compose does. */
export function readSettings(
  field: Field | undefined,
  environment: Environment,
): Readonly<Record<string, string>> {
  const pairs = pairsOf(field)
  return sortedRecord(
    pairs.flatMap(({ key, value = valueOf(environment, key) }) =>
      value === undefined ? [] : [[key, value] as const],
    ),
  )
}

/** A key without a value has the empty one. */
export function readLabels(field: Field | undefined): Readonly<Record<string, string>> {
  return sortedRecord(
    pairsOf(field).map(({ key, value, field: at }) => {
      const reserved = RESERVED_LABELS.find((prefix) => key.startsWith(prefix))
      if (reserved !== undefined) at.refuse(`labels that begin with ${reserved} are reserved`)
      return [key, value ?? '']
    }),
  )
}

/** Names whose value must come from the environment. */
export function keysWithoutValue(field: Field): readonly string[] {
  return pairsOf(field).flatMap(({ key, value }) => (value === undefined ? [key] : []))
}

export function sortedRecord<T>(entries: Iterable<readonly [string, T]>): Record<string, T> {
  return Object.fromEntries([...entries].toSorted(([a], [b]) => byText(a, b)))
}

/** Order by code units: the same on every machine and in every language. */
export function byText(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}

const RESERVED_LABELS = ['com.docker.compose.', 'com.docker.stack.', 'com.docker.swarm.', 'polis.']

function pairsOf(field: Field | undefined): readonly Pair[] {
  if (field === undefined) return []
  const pairs = field.node.kind === 'list' ? listedPairs(field) : mappedPairs(field)
  const seen = new Set<string>()
  return pairs.filter(({ key, field: at }) => {
    if (key === '' || /[=\s\0]/.test(key) || key === '__proto__') {
      at.refuse('this is no name: names are not empty and hold neither spaces nor =')
      return false
    }
    if (seen.has(key)) at.refuse(`${key} is there twice`)
    seen.add(key)
    return true
  })
}

function listedPairs(field: Field): readonly Pair[] {
  return (field.asList() ?? []).flatMap((item): readonly Pair[] => {
    const text = item.asText()
    if (text === undefined) return []
    const at = text.indexOf('=')
    const key = at < 0 ? text : text.slice(0, at)
    return [{ key, value: at < 0 ? undefined : text.slice(at + 1), field: item }]
  })
}

function mappedPairs(field: Field): readonly Pair[] {
  return [...(field.asMap() ?? [])].flatMap(([key, item]): readonly Pair[] => {
    if (item.isNull) return [{ key, value: undefined, field: item }]
    const value = item.asWritten()
    return value === undefined ? [] : [{ key, value, field: item }]
  })
}
