import { mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { NodeIdentity } from '@polis/hal/enrolment'
import { PolisError } from '@polis/lib/error'
import { NewKey } from '@polis/protocol/certificate-request'
import type { IdentityStore } from './identity-store.ts'

/** One file, readable by its owner only. Key and certificate are one file, so that they always belong together. */
export class FileIdentityStore implements IdentityStore {
  readonly #path: string
  readonly #pendingPath: string

  constructor(path: string) {
    this.#path = path
    this.#pendingPath = `${path}.pending`
  }

  async load(): Promise<NodeIdentity | undefined> {
    const text = await this.#read(this.#path)
    if (text === undefined) return undefined
    const parsed = NodeIdentity.safeParse(parseJson(text))
    // The parser's error would quote the file, and with it the key.
    if (!parsed.success) throw this.#unreadable(undefined)
    return parsed.data
  }

  async save(identity: NodeIdentity): Promise<void> {
    await this.#write(this.#path, JSON.stringify(identity))
    await rm(this.#pendingPath, { force: true })
  }

  async pendingKey(make: () => Promise<NewKey>): Promise<NewKey> {
    const kept = NewKey.safeParse(parseJson((await this.#read(this.#pendingPath)) ?? ''))
    if (kept.success) return kept.data
    const key = await make()
    await this.#write(this.#pendingPath, JSON.stringify(key))
    return key
  }

  async #read(path: string): Promise<string | undefined> {
    try {
      return await readFile(path, 'utf8')
    } catch (cause) {
      if (isMissing(cause)) return undefined
      throw this.#unreadable(cause)
    }
  }

  async #write(path: string, text: string): Promise<void> {
    const folder = dirname(path)
    const next = `${path}.next`
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 })
      await rm(next, { force: true })
      // 'wx': never through a link or into a file that somebody else made.
      const file = await open(next, 'wx', 0o600)
      try {
        await file.writeFile(text)
        await file.sync()
      } finally {
        await file.close()
      }
      await rename(next, path)
      await syncFolder(folder)
    } catch (cause) {
      throw new PolisError('Unavailable', `cannot write ${path}`, { cause })
    }
  }

  #unreadable(cause: unknown): PolisError {
    return new PolisError('FailedPrecondition', `cannot read who this node is in ${this.#path}`, {
      cause,
      hint: 'remove that file and join this node again with a new token',
    })
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT'
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
