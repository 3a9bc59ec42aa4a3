// What a device keeps on the node's disk: the superuser's password, and the database cluster's data. A cluster is made in
// `pgdata.new` and becomes `pgdata` by one rename when it has served once: so `pgdata` is never half-made, whichever image
// made it, and what a killed initialisation left may be thrown away, since nobody has ever written into it.
import { randomBytes } from 'node:crypto'
import { lstat, mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { PolisError } from '@polis/lib/error'

function isAbsent(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT'
}

function fromFsError(cause: unknown, doing: string): PolisError {
  const isFull = cause instanceof Error && 'code' in cause && cause.code === 'ENOSPC'
  const code = isFull ? 'ResourceExhausted' : 'Internal'
  return new PolisError(code, `could not ${doing}${isFull ? ': the disk is full' : ''}`, { cause })
}

async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path)
    return true
  } catch (error) {
    if (isAbsent(error)) return false
    throw error
  }
}

async function writeWhole(path: string, content: string, mode: number): Promise<void> {
  const fresh = `${path}.new`
  {
    await using file = await open(fresh, 'w', mode)
    await file.writeFile(content)
    await file.sync()
  }
  await rename(fresh, path)
}

export class DataFolder {
  readonly #dataDir: string
  readonly #runDir: string

  constructor(options: { readonly dataDir: string; readonly runDir: string }) {
    this.#dataDir = options.dataDir
    this.#runDir = options.runDir
  }

  get data(): string {
    return join(this.#dataDir, 'pgdata')
  }

  /** Where a cluster is being made. */
  get freshData(): string {
    return join(this.#dataDir, 'pgdata.new')
  }

  /** True when there is a cluster that has served. */
  async isInitialised(): Promise<boolean> {
    return exists(this.data)
  }

  /** The superuser's password; made when there is none. */
  async password(): Promise<string> {
    const path = join(this.#dataDir, 'superuser.password')
    try {
      return await readFile(path, 'utf8')
    } catch (error) {
      if (!isAbsent(error)) throw error
    }
    try {
      await writeWhole(path, randomBytes(24).toString('base64url'), 0o600)
    } catch (cause) {
      throw fromFsError(cause, 'keep the password of the superuser')
    }
    return readFile(path, 'utf8')
  }

  /**
   * Throws away what a killed initialisation left and gives the path of a file with the password. It lies in a folder that
   * only root enters; the file itself is for the image's user, whose number differs from image to image.
   */
  async beginInitialisation(): Promise<string> {
    try {
      await rm(this.freshData, { recursive: true, force: true })
      await mkdir(this.freshData, { mode: 0o700 })
      const folder = join(this.#runDir, 'initialisation')
      await mkdir(folder, { recursive: true, mode: 0o700 })
      const path = join(folder, 'password')
      await writeWhole(path, await this.password(), 0o444)
      return path
    } catch (cause) {
      throw fromFsError(cause, 'begin a database cluster')
    }
  }

  async endInitialisation(): Promise<void> {
    await rename(this.freshData, this.data)
    await using folder = await open(this.#dataDir)
    await folder.sync()
    await rm(join(this.#runDir, 'initialisation'), { recursive: true, force: true })
  }
}
