import { createHash, randomBytes } from 'node:crypto'

const PREFIX = 'polis_'

/** A new secret text for a token: 256 random bits behind a prefix that secret scanners can find. */
export function newTokenText(): string {
  return `${PREFIX}${randomBytes(32).toString('base64url')}`
}

/**
 * What is kept of a token: SHA-256, hexadecimal. Enough for 256 random bits, and looked up by equality of the hash,
 * so that no comparison of the secret itself can leak by its timing.
 */
export function hashToken(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
