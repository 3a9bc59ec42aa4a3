import type { Json } from '@polis/lib/json'
import { z } from 'zod'

const StringMap = z.record(z.string(), z.string())
const ByteCount = z.int().nonnegative()

export function parseStringMap(value: unknown): Readonly<Record<string, string>> {
  return plain(StringMap.parse(value))
}

export function parseByteCount(value: unknown): number {
  return ByteCount.parse(value)
}

export function parseJson(value: unknown): Json {
  return z.json().parse(value)
}

export function toWire<Value>(value: Value): Value {
  return value
}

/** GraphQL makes objects of literals without a prototype, which zod and equality checks do not take for plain. */
function plain(map: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return { ...map }
}
