// What rides inside the messages: JSON of hal's and resources' shapes, parsed at each edge.
import { type ErrorCode, PolisError, type Problem, refusal } from '@polis/lib/error'
import type { z } from 'zod'

const decoder = new TextDecoder('utf-8', { fatal: true })
const encoder = new TextEncoder()

/** JSON as bytes; `undefined` counts as an empty object, so that a method without content may answer nothing. */
export function encodePayload(value: unknown): Uint8Array<ArrayBuffer> {
  return encoder.encode(JSON.stringify(value ?? {}))
}

/**
 * The value in `bytes`, with the keys that `shape` does not know dropped. Throws `code` with every wrong key's path.
 * No message repeats a value: passwords travel here.
 */
export function decodePayload<T>(
  shape: z.ZodType<T>,
  bytes: Uint8Array,
  what: string,
  code: ErrorCode,
): T {
  const parsed = shape.safeParse(parseJson(bytes, what, code))
  if (parsed.success) return parsed.data
  const problems = parsed.error.issues.map((issue): Problem => ({
    code,
    path: pathOf(issue.path),
    message: `${what} does not fit: ${issue.message}`,
  }))
  throw refusal(problems)
}

function parseJson(bytes: Uint8Array, what: string, code: ErrorCode): unknown {
  try {
    return JSON.parse(decoder.decode(bytes))
  } catch {
    // The parser's own message quotes the text, and with it secrets.
    throw new PolisError(code, `${what} is not JSON`)
  }
}

function pathOf(path: readonly PropertyKey[]): string {
  return path
    .map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`))
    .join('')
    .replace(/^\./, '')
}
