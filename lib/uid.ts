import { randomBytes } from 'node:crypto'

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567'

/**
 * A new identifier: 20 lower-case base32 characters, 100 random bits. Never reused, safe in a DNS label, a file
 * name and an engine's object name.
 */
export function newUid(): string {
  return [...randomBytes(20)].map((byte) => ALPHABET[byte % 32]).join('')
}

const UID = /^[a-z2-7]{20}$/

export function isUid(text: string): boolean {
  return UID.test(text)
}
