/** A value that JSON can carry unchanged; as text it is what stores and wires hold. */
export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [key: string]: Json }

/** `value` as JSON would carry it: undefined members vanish, dates become text. */
export function toJson(value: unknown): Json {
  return JSON.parse(JSON.stringify(value)) as Json
}
