// Which keys and prefixes exist. ASCII only: byte order, SQLite's order and JavaScript's order are then the same.
import { PolisError } from '@polis/lib/error'

const KEY = /^[\x21-\x2e\x30-\x7e]+(?:\/[\x21-\x2e\x30-\x7e]+)*$/
const MAX_KEY_LENGTH = 512

/** Throws InvalidArgument (path: the key) unless `key` is a key. */
export function checkKey(key: string): void {
  if (key.length <= MAX_KEY_LENGTH && KEY.test(key)) return
  throw new PolisError('InvalidArgument', `"${key.slice(0, 80)}" is not a key`, {
    path: key.slice(0, MAX_KEY_LENGTH),
    hint: `1 to ${MAX_KEY_LENGTH} printable ASCII characters without blanks, parts separated by single slashes`,
  })
}

/** Throws InvalidArgument (path: the prefix) unless `prefix` is empty or a key followed by a slash. */
export function checkPrefix(prefix: string): void {
  if (prefix === '') return
  if (!prefix.endsWith('/')) {
    throw new PolisError('InvalidArgument', `the prefix "${prefix.slice(0, 80)}" lacks its slash`, {
      path: prefix.slice(0, MAX_KEY_LENGTH),
      hint: 'a prefix is empty or ends with /, so that a/b/ never matches a/bc',
    })
  }
  checkKey(prefix.slice(0, -1))
}

/** The first text after every key under `prefix`: DEL follows all characters a key may have. */
export function endOfPrefix(prefix: string): string {
  return `${prefix}\x7f`
}
