// Volumes of a node: automatic ones are folders below `<dataDir>/volumes`, of those with a path only a record is kept.
import {
  lstat,
  mkdir,
  opendir,
  open,
  readdir,
  readFile,
  realpath,
  rename,
  stat,
} from 'node:fs/promises'
import { join, normalize } from 'node:path'
import type { ObservedVolume, VolumeSpec } from '@polis/hal/volume-host'
import { PolisError } from '@polis/lib/error'
import { z } from 'zod'
import { errnoOf } from './errors.ts'
import { removeFolder } from './folders.ts'
import {
  identify,
  isSameFolder,
  isWithin,
  mountsBelow,
  parseMounts,
  readMounts,
} from './mountinfo.ts'

const Record = z.strictObject({ path: z.string() })

export class Volumes {
  readonly #folder: string
  readonly #records: string
  readonly #ownFolders: readonly string[]
  readonly #allowedRoots: readonly string[]

  constructor(options: {
    readonly dataDir: string
    readonly runDir: string
    readonly allowedRoots: readonly string[]
  }) {
    this.#folder = join(options.dataDir, 'volumes')
    this.#records = join(options.dataDir, 'paths')
    this.#ownFolders = [options.dataDir, options.runDir]
    this.#allowedRoots = options.allowedRoots
  }

  async prepare(): Promise<void> {
    for (const path of [this.#folder, this.#records]) {
      await mkdir(path, { recursive: true, mode: 0o700 })
    }
  }

  async ensure({ uid, path }: VolumeSpec, signal: AbortSignal): Promise<ObservedVolume> {
    await this.prepare()
    const known = await this.find(uid)
    const wanted = path === undefined ? join(this.#folder, uid) : normalize(path)
    if (known !== undefined && known !== wanted) {
      throw new PolisError('FailedPrecondition', `volume ${uid} lies at ${known} already`)
    }
    if (path === undefined) await this.#ensureFolder(wanted)
    else {
      await this.resolve(uid, path)
      await this.#writeRecord(uid, wanted)
    }
    signal.throwIfAborted()
    return { uid, path: wanted }
  }

  /** The volume's path as it was asked for; undefined when there is no such volume. */
  async find(uid: string): Promise<string | undefined> {
    try {
      return Record.parse(JSON.parse(await readFile(this.#recordPath(uid), 'utf8'))).path
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error
    }
    const folder = join(this.#folder, uid)
    try {
      return (await lstat(folder)).isDirectory() ? folder : undefined
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error
      return undefined
    }
  }

  /** The volume's folder, free of symbolic links and allowed at this moment. NotFound when it, or the volume, is not there. */
  async folderOf(uid: string): Promise<string> {
    const path = await this.find(uid)
    if (path === undefined) throw new PolisError('NotFound', `no volume ${uid}`)
    if (path === join(this.#folder, uid)) return realpath(path)
    return this.resolve(uid, path)
  }

  async list(): Promise<ObservedVolume[]> {
    await this.prepare()
    const recorded = (await readdir(this.#records))
      .filter((name) => name.endsWith('.json'))
      .map((name) => name.slice(0, -'.json'.length))
    const automatic = (await readdir(this.#folder)).filter((name) => !name.startsWith('.'))
    const uids = [...new Set([...automatic, ...recorded])]
    const found = await Promise.all(uids.map(async (uid) => ({ uid, path: await this.find(uid) })))
    return found.flatMap(({ uid, path }) => (path === undefined ? [] : [{ uid, path }]))
  }

  /** Automatic: the data too. With a path: the record alone. FailedPrecondition while any process of the node sees it mounted. */
  async purge(uid: string, signal: AbortSignal): Promise<void> {
    const path = await this.find(uid)
    const folder = join(this.#folder, uid)
    const doomed = join(this.#folder, `.purged-${uid}`)
    if (path !== undefined) await refuseMounted(uid, path)
    if (path === folder) {
      // A purge that was killed is ended first: a rename needs its target free.
      await removeFolder(doomed, signal)
      await rename(folder, doomed)
    }
    await removeFolder(doomed, signal)
    await removeFolder(this.#recordPath(uid), signal)
  }

  #recordPath(uid: string): string {
    return join(this.#records, `${uid}.json`)
  }

  async #ensureFolder(path: string): Promise<void> {
    try {
      await mkdir(path)
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw error
      return
    }
    // Whichever user a program runs as may write into what it was given; the folder above keeps others of the node out.
    await using folder = await open(path)
    await folder.chmod(0o777)
  }

  async #writeRecord(uid: string, path: string): Promise<void> {
    const fresh = join(this.#records, `.${uid}.new`)
    {
      await using file = await open(fresh, 'w', 0o600)
      await file.writeFile(JSON.stringify({ path }))
      await file.sync()
    }
    await rename(fresh, this.#recordPath(uid))
  }

  async resolve(uid: string, path: string): Promise<string> {
    const refuse = (why: string): PolisError =>
      new PolisError('PermissionDenied', `volume ${uid}: ${path} ${why}`, {
        path: 'path',
        hint: 'an administrator can allow more with the device parameter allowedRoots',
      })
    const isPlain = path.startsWith('/') && !path.split('/').includes('..')
    if (!isPlain) throw refuse('is no absolute path without ..')
    // Asked before the disk is: outside the allowed roots not even existence is told.
    if (!this.#allowedRoots.some((root) => isWithin(normalize(path), normalize(root)))) {
      throw refuse('is not below an allowed root')
    }
    const folder = await realPathOf(path)
    const roots = await Promise.all(
      this.#allowedRoots.map((root) => realPathOf(root).catch(() => root)),
    )
    if (!roots.some((root) => isWithin(folder, root)))
      throw refuse('leads out of the allowed roots')
    const isOwn = this.#ownFolders.some((own) => isWithin(own, folder) || isWithin(folder, own))
    if (isOwn) throw refuse("holds Polis' own folders")
    if (!(await stat(folder)).isDirectory()) {
      throw new PolisError('InvalidArgument', `${path} is not a folder`, { path: 'path' })
    }
    const [nested] = mountsBelow(folder, await readMounts())
    if (nested !== undefined) {
      throw new PolisError('FailedPrecondition', `${nested.mountPoint} is mounted below ${path}`, {
        path: 'path',
        hint: 'a volume is one file system: make the mounted folder a volume of its own',
      })
    }
    return folder
  }
}

async function realPathOf(path: string): Promise<string> {
  try {
    return await realpath(path)
  } catch (cause) {
    if (errnoOf(cause) !== 'ENOENT' && errnoOf(cause) !== 'ENOTDIR') throw cause
    throw new PolisError('NotFound', `there is no ${path}`, { cause, path: 'path' })
  }
}

/** Looks into every mount namespace of the node: a container can see what the node itself no longer does. */
async function refuseMounted(uid: string, path: string): Promise<void> {
  const folder = await realpath(path).catch(() => undefined)
  if (folder === undefined) return
  const own = await readMounts()
  const identity = identify(folder, own)
  const [nested] = mountsBelow(folder, own)
  if (nested !== undefined) {
    throw new PolisError(
      'FailedPrecondition',
      `volume ${uid}: ${nested.mountPoint} is mounted in it`,
    )
  }
  for (const name of await readdir('/proc')) {
    if (identity === undefined || !/^\d+$/.test(name)) continue
    const text = await readFile(`/proc/${name}/mountinfo`, 'utf8').catch(() => '')
    const found = parseMounts(text).find((mount) => isSameFolder(mount, identity))
    if (found === undefined) continue
    const where = `${found.mountPoint} (seen by pid ${name})`
    throw new PolisError('FailedPrecondition', `volume ${uid} is mounted at ${where}`)
  }
}

/** Bytes of disk that a folder's files take; a file with several names counts once. */
export async function measureFolder(path: string, signal: AbortSignal): Promise<number> {
  const counted = new Set<number>()
  const { dev } = await stat(path)
  const measure = async (folder: string): Promise<number> => {
    signal.throwIfAborted()
    let sizeBytes = 0
    for await (const entry of await opendir(folder)) {
      const at = join(folder, entry.name)
      // What the program deletes meanwhile is not counted.
      const found = await lstat(at).catch(() => undefined)
      if (found === undefined || found.dev !== dev) continue
      if (found.nlink > 1 && !found.isDirectory()) {
        if (counted.has(found.ino)) continue
        counted.add(found.ino)
      }
      sizeBytes += found.blocks * 512
      if (found.isDirectory()) sizeBytes += await measure(at).catch(orGone)
    }
    return sizeBytes
  }
  return measure(path)
}

function orGone(error: unknown): number {
  if (errnoOf(error) === 'ENOENT') return 0
  throw error
}
