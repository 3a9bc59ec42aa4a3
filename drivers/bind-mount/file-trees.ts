// Folders of small files that a reader finds old or new, never half. As Kubernetes does it for its volumes of secrets:
// the files are links through `..data`, which is a link to a folder of one version and is exchanged by one rename
// (https://github.com/kubernetes/kubernetes/blob/master/pkg/volume/util/atomic_writer.go).
import { createHash } from 'node:crypto'
import { chmod, mkdir, readdir, readlink, rename, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { FileTree } from '@polis/hal/volume-host'
import { errnoOf } from './errors.ts'
import { exists, removeFolder } from './folders.ts'

const DATA_LINK = '..data'

function versionOf(files: FileTree['files']): string {
  const entries = Object.entries(files).toSorted(([a], [b]) => (a < b ? -1 : 1))
  return `..${createHash('sha256').update(JSON.stringify(entries)).digest('hex').slice(0, 32)}`
}

async function currentVersion(folder: string): Promise<string | undefined> {
  try {
    return await readlink(join(folder, DATA_LINK))
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  }
}

async function writeVersion(
  path: string,
  files: FileTree['files'],
  signal: AbortSignal,
): Promise<void> {
  await mkdir(path)
  try {
    for (const [name, text] of Object.entries(files)) {
      await writeFile(join(path, name), text, { mode: 0o444 })
    }
    await chmod(path, 0o555)
  } catch (error) {
    await removeFolder(path, signal) // half a version takes the room that the next one needs
    throw error
  }
}

async function replaceLink(folder: string, name: string, target: string): Promise<void> {
  const fresh = join(folder, '..link')
  await symlink(target, fresh)
  await rename(fresh, join(folder, name))
}

async function fillTree(folder: string, tree: FileTree, signal: AbortSignal): Promise<void> {
  const version = versionOf(tree.files)
  const current = await currentVersion(folder)
  for (const name of await readdir(folder)) {
    const isStale = name.startsWith('..') && name !== DATA_LINK && name !== current
    if (isStale) await removeFolder(join(folder, name), signal)
  }
  if (current !== version) {
    await writeVersion(join(folder, version), tree.files, signal)
    await replaceLink(folder, DATA_LINK, version)
  }
  const present = new Set(await readdir(folder))
  const wanted = new Set([DATA_LINK, version, ...Object.keys(tree.files)])
  for (const name of wanted) {
    if (!present.has(name)) await replaceLink(folder, name, `${DATA_LINK}/${name}`)
  }
  for (const name of present) {
    if (!wanted.has(name)) await removeFolder(join(folder, name), signal)
  }
}

/** Brings `<root>/<tree.path>` to the tree; one that is new appears filled. `scratch` is a free path on the same file system. */
export async function ensureTree(
  root: string,
  tree: FileTree,
  scratch: string,
  signal: AbortSignal,
): Promise<void> {
  const folder = join(root, tree.path)
  if (await exists(join(folder, DATA_LINK))) return fillTree(folder, tree, signal)
  await removeFolder(scratch, signal)
  await mkdir(scratch, { mode: 0o555 })
  await fillTree(scratch, tree, signal)
  await mkdir(dirname(folder), { recursive: true, mode: 0o555 })
  return rename(scratch, folder)
}

/**
 * Takes from `<root>/<below>` everything but the wanted trees, the folders above them, and the empty folders that
 * volumes are mounted on.
 */
export async function pruneTrees(
  root: string,
  below: string,
  wanted: { readonly trees: ReadonlySet<string>; readonly volumes: ReadonlySet<string> },
  signal: AbortSignal,
): Promise<void> {
  for (const name of await readdir(join(root, below))) {
    const path = below === '' ? name : `${below}/${name}`
    const isTree = await exists(join(root, path, DATA_LINK))
    if (isTree && wanted.trees.has(path)) continue
    const isParent = [...wanted.trees].some((tree) => tree.startsWith(`${path}/`))
    if (!isTree && (isParent || wanted.volumes.has(path))) {
      await pruneTrees(root, path, wanted, signal)
      continue
    }
    await removeFolder(join(root, path), signal)
  }
}
