import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { lstat, readdir, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { PolisError } from '@polis/lib/error'
import { pack, type Pack } from 'tar-stream'
import { type BuildContext, isWanted, isWorthEntering } from './build-contexts.ts'

/** Largest folder that the server takes, as tar. */
const MOST_BYTES = 512 * 1024 * 1024

/**
 * The folder as a tar stream. Times, owners and the order of reading stay out of it, so that equal content gives equal
 * bytes. Throws ResourceExhausted when it gets too large.
 */
export async function* packFolder(
  folder: string,
  contexts: readonly BuildContext[],
): AsyncGenerator<Uint8Array, void, undefined> {
  const tar = pack()
  const filled = fill(tar, folder, contexts).catch((error: unknown) => {
    tar.destroy(error instanceof Error ? error : new Error('packing failed'))
  })
  let sizeBytes = 0
  for await (const chunk of tar) {
    if (!(chunk instanceof Uint8Array)) continue
    sizeBytes += chunk.byteLength
    if (sizeBytes > MOST_BYTES) {
      throw new PolisError('ResourceExhausted', `${folder} is larger than 512 MiB`, {
        path: folder,
        hint: 'name what is not needed in .dockerignore',
      })
    }
    yield chunk
  }
  await filled
}

/** `sha256:…` of a stream, and its length. */
export async function measure(
  bytes: AsyncIterable<Uint8Array>,
): Promise<{ readonly digest: string; readonly sizeBytes: number }> {
  const hash = createHash('sha256')
  let sizeBytes = 0
  for await (const chunk of bytes) {
    hash.update(chunk)
    sizeBytes += chunk.byteLength
  }
  return { digest: `sha256:${hash.digest('hex')}`, sizeBytes }
}

async function fill(tar: Pack, folder: string, contexts: readonly BuildContext[]): Promise<void> {
  for await (const path of walk(folder, '', contexts)) await addEntry(tar, folder, path)
  tar.finalize()
}

/** Relative paths, folders before what is in them, by code unit. */
async function* walk(
  folder: string,
  below: string,
  contexts: readonly BuildContext[],
): AsyncGenerator<string, void, undefined> {
  const entries = await readdir(join(folder, below), { withFileTypes: true })
  for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = below === '' ? entry.name : `${below}/${entry.name}`
    if (entry.isDirectory()) {
      if (!isWorthEntering(path, contexts)) continue
      if (isWanted(path, contexts)) yield path
      yield* walk(folder, path, contexts)
    } else if (isWanted(path, contexts)) yield path
  }
}

const NOBODY = { mtime: new Date(0), uid: 0, gid: 0, uname: '', gname: '' } as const

/** Sockets, devices and pipes are no content. */
async function addEntry(tar: Pack, folder: string, path: string): Promise<void> {
  const place = join(folder, path)
  const found = await lstat(place)
  const mode = (found.mode & 0o100) === 0 ? 0o644 : 0o755
  if (found.isDirectory())
    await add(tar, { ...NOBODY, name: `${path}/`, type: 'directory', mode: 0o755 })
  else if (found.isSymbolicLink()) {
    const linkname = await readlink(place)
    await add(tar, { ...NOBODY, name: path, type: 'symlink', linkname, mode: 0o777 })
  } else if (found.isFile()) {
    const entry = tar.entry({ ...NOBODY, name: path, size: found.size, mode })
    await pipeline(createReadStream(place), entry)
  }
}

function add(tar: Pack, header: Parameters<Pack['entry']>[0]): Promise<void> {
  return new Promise((resolve, reject) => {
    tar.entry(header, (error) => (error ? reject(error) : resolve()))
  })
}
