import { randomBytes } from 'node:crypto'

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567'

/**
 * A new identifier: 20 lower-case base32 characters, 100 random bits. Never reused, safe in a DNS label, a file
 * name and an engine's object name.
 */
export function newUid(): string {
  return uidOfBytes(randomBytes(20))
}

/** The identifier that these bytes, at least 20 and evenly spread (a digest), stand for: always the same. */
export function uidOfBytes(bytes: Uint8Array): string {
  return Array.from(bytes.subarray(0, 20), (byte) => ALPHABET[byte % 32]).join('')
}

const UID = /^[a-z2-7]{20}$/

export function isUid(text: string): boolean {
  return UID.test(text)
}
