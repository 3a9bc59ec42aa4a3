import { randomBytes } from 'node:crypto'
import { chmodSync, mkdirSync, readFileSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { type SealingKey, SecretSealer } from '@polis/kernel/secret-sealing'
import { PolisError } from '@polis/lib/error'
import { replaceFile } from '../files.ts'

/**
 * The keys that seal secrets: lines of `id base64`, the newest first. The file lies outside POLIS_HOME, so that a copy
 * of the data is worthless without it. Made on the first start only: a store without its key must not get another one.
 * Throws FailedPrecondition when it is missing or others may read it.
 */
export function openKeyring(file: string, isFirstStart: boolean): SecretSealer {
  if (isFirstStart) makeKeyFile(file)
  const text = readKeyFile(file)
  const [first, ...others] = text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => toKey(line, file))
  if (first === undefined) throw unusable(file, 'is empty')
  return new SecretSealer([first, ...others])
}

function makeKeyFile(file: string): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  try {
    statSync(file)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error
    replaceFile(file, `k1 ${randomBytes(32).toString('base64')}\n`)
    chmodSync(file, 0o600)
  }
}

function readKeyFile(file: string): string {
  try {
    if ((statSync(file).mode & 0o077) !== 0) throw unusable(file, 'can be read by others than root')
    return readFileSync(file, 'utf8')
  } catch (cause) {
    if (cause instanceof PolisError) throw cause
    throw unusable(file, 'cannot be read', cause)
  }
}

function toKey(line: string, file: string): SealingKey {
  const [id = '', bytes = ''] = line.trim().split(/\s+/)
  if (!/^[a-z0-9]{1,20}$/.test(id)) throw unusable(file, 'is not a key file')
  return { id, bytes: new Uint8Array(Buffer.from(bytes, 'base64')) }
}

function unusable(file: string, why: string, cause?: unknown): PolisError {
  return new PolisError('FailedPrecondition', `the key file ${file} ${why}`, {
    cause,
    path: file,
    hint: 'put back the key file that belongs to this installation, mode 0600; without it its secrets cannot be read',
  })
}
