import { createHash, randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, open, readdir, rename, rm, stat, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import type { BlobStore } from '@polis/kernel/kernel'
import { PolisError } from '@polis/lib/error'

const DIGEST = /^sha256:[0-9a-f]{64}$/

/** Uploaded folders as files named by what is in them. */
export class FileBlobs implements BlobStore {
  readonly #folder: string

  constructor(folder: string) {
    this.#folder = folder
  }

  async put(
    bytes: ReadableStream<Uint8Array>,
    maxBytes: number,
    signal: AbortSignal,
  ): Promise<string> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 })
    const part = join(this.#folder, `.part-${randomUUID()}`)
    try {
      const digest = await this.#receive(part, bytes, maxBytes, signal)
      await rename(part, this.#fileOf(digest))
      return digest
    } catch (cause) {
      await rm(part, { force: true })
      throw toBlobError(cause)
    }
  }

  async open(digest: string): Promise<ReadableStream<Uint8Array>> {
    if (!(await this.has(digest))) {
      throw new PolisError('NotFound', `there is no upload ${digest.slice(0, 80)}`, {
        hint: 'deploy the folder again: polis deploy PATH',
      })
    }
    const stream = createReadStream(this.#fileOf(digest))
    // Node types its web streams apart from the global ones; they are the same thing.
    return Readable.toWeb(stream) as unknown as ReadableStream<Uint8Array>
  }

  /** Asking for a blob keeps it from being swept for another while: whoever asks is about to use it. */
  async has(digest: string): Promise<boolean> {
    if (!DIGEST.test(digest)) return false
    try {
      const now = new Date()
      await utimes(this.#fileOf(digest), now, now)
      return true
    } catch {
      return false
    }
  }

  /** Removes what nobody needs and nobody asked for since `before`, and parts that were never finished. */
  async sweep(needed: ReadonlySet<string>, before: Date): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 })
    for (const name of await readdir(this.#folder)) {
      const digest = `sha256:${name}`
      if (needed.has(digest)) continue
      const file = join(this.#folder, name)
      if ((await stat(file)).mtime < before) await rm(file, { force: true })
    }
  }

  async #receive(
    part: string,
    bytes: ReadableStream<Uint8Array>,
    maxBytes: number,
    signal: AbortSignal,
  ): Promise<string> {
    const hash = createHash('sha256')
    let size = 0
    await using file = await open(part, 'wx', 0o600)
    for await (const chunk of bytes) {
      signal.throwIfAborted()
      size += chunk.length
      if (size > maxBytes) {
        throw new PolisError('ResourceExhausted', `the upload is larger than ${maxBytes} bytes`, {
          hint: 'leave out what the build does not need: .dockerignore',
        })
      }
      hash.update(chunk)
      await file.write(chunk)
    }
    await file.sync()
    return `sha256:${hash.digest('hex')}`
  }

  #fileOf(digest: string): string {
    return join(this.#folder, digest.slice('sha256:'.length))
  }
}

function toBlobError(cause: unknown): unknown {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
  if (code !== 'ENOSPC' && code !== 'EDQUOT') return cause
  return new PolisError('ResourceExhausted', 'the disk is full', {
    cause,
    hint: 'make room, then try again',
  })
}
