// Passwords as PostgreSQL keeps them. Made here, so that the password itself reaches neither the server's log nor its
// list of running statements (https://www.postgresql.org/docs/current/catalog-pg-authid.html, RFC 5803).
import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'

const ITERATIONS = 4096
const VERIFIER =
  /^SCRAM-SHA-256\$(?<iterations>\d+):(?<salt>[A-Za-z0-9+/=]+)\$(?<keys>[A-Za-z0-9+/=]+:[A-Za-z0-9+/=]+)$/

const derive = promisify(pbkdf2)

const hmac = (key: Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest()

async function keysOf(password: string, salt: Buffer, iterations: number): Promise<string> {
  const salted = await derive(password, salt, iterations, 32, 'sha256')
  const stored = createHash('sha256').update(hmac(salted, 'Client Key')).digest('base64')
  return `${stored}:${hmac(salted, 'Server Key').toString('base64')}`
}

/** What to give as PASSWORD of a role. `password` is ASCII, so that no client can prepare it differently. */
export async function makeVerifier(password: string): Promise<string> {
  const salt = randomBytes(16)
  const keys = await keysOf(password, salt, ITERATIONS)
  return `SCRAM-SHA-256$${ITERATIONS}:${salt.toString('base64')}$${keys}`
}

/** True when `password` is the one of that verifier. */
export async function isPasswordOf(password: string, verifier: string | null): Promise<boolean> {
  const parts = VERIFIER.exec(verifier ?? '')?.groups
  if (parts === undefined) return false
  const salt = Buffer.from(parts['salt'] ?? '', 'base64')
  const keys = Buffer.from(await keysOf(password, salt, Number(parts['iterations'])))
  const known = Buffer.from(parts['keys'] ?? '')
  return keys.length === known.length && timingSafeEqual(keys, known)
}
