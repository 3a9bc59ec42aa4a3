import { mkdir, rmdir } from 'node:fs/promises'
import { basename, join, relative } from 'node:path'
import { PolisError } from '@polis/lib/error'
import { errnoOf } from './errors.ts'
import { describeHolders, findHolders } from './holders.ts'
import { bind, changeMount, tryUnmount } from './mount-commands.ts'
import {
  type FolderIdentity,
  isSameFolder,
  isWithin,
  type Mount,
  mountOf,
  readMounts,
} from './mountinfo.ts'
import { listVolumeMounts, type RootsFolder } from './roots-folder.ts'

/** A volume that a root is to show. */
export interface WantedMount {
  readonly name: string
  /** The volume's folder, free of symbolic links. */
  readonly folder: string
  readonly identity: FolderIdentity
  readonly isReadOnly: boolean
}

const UNDO_MS = 20_000

async function ensureFolder(path: string, mode: number): Promise<void> {
  try {
    await mkdir(path, { mode })
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error
  }
}

/** Unmounts and removes a staging place; safe to repeat. */
async function clearStage(stage: string, signal: AbortSignal): Promise<void> {
  while ((await readMounts()).some(({ mountPoint }) => mountPoint === stage)) {
    if (await tryUnmount(stage, signal)) continue
    throw new PolisError('FailedPrecondition', `${stage} is in use`)
  }
  try {
    await rmdir(stage)
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error
  }
}

/**
 * Shows a volume in a root. It is bound out of sight first: there it turns read-only before any task has a copy (a later
 * change of the flag reaches no copy), and there the kernel says which folder it really is, whatever links changed meanwhile.
 */
async function attach(
  roots: RootsFolder,
  rootName: string,
  wanted: WantedMount,
  signal: AbortSignal,
): Promise<void> {
  await ensureFolder(join(roots.hidden, rootName, wanted.name), 0o555)
  const stage = join(roots.stage, `${rootName}.${wanted.name}`)
  await clearStage(stage, signal)
  await ensureFolder(stage, 0o700)
  try {
    await bind(wanted.folder, stage, signal)
    await changeMount(stage, ['--make-private'], signal)
    const staged = (await readMounts()).find(({ mountPoint }) => mountPoint === stage)
    if (staged === undefined || !isSameFolder(staged, wanted.identity)) {
      throw new PolisError('PermissionDenied', `${wanted.folder} was exchanged meanwhile`)
    }
    if (staged.isReadOnly && !wanted.isReadOnly) {
      throw new PolisError('FailedPrecondition', `${wanted.folder} lies on a read-only mount`)
    }
    // A remount forgets the flags it is not told.
    const options = ['remount', 'bind', 'ro', ...staged.flags].join(',')
    if (wanted.isReadOnly) await changeMount(stage, ['-o', options], signal)
    await bind(stage, join(roots.visible, rootName, wanted.name), signal)
  } finally {
    await clearStage(stage, AbortSignal.timeout(UNDO_MS))
  }
}

/** A path at which the folder of that identity can be bound again. */
function findPath(identity: FolderIdentity, mounts: readonly Mount[]): string | undefined {
  return mounts
    .filter((mount) => mount.device === identity.device && isWithin(identity.root, mount.root))
    .map((mount) => ({ mount, path: join(mount.mountPoint, relative(mount.root, identity.root)) }))
    .find(({ mount, path }) => mountOf(path, mounts) === mount)?.path
}

async function attachAgain(
  roots: RootsFolder,
  rootName: string,
  gone: readonly Mount[],
  signal: AbortSignal,
): Promise<void> {
  const mounts = await readMounts()
  for (const { device, root, mountPoint, isReadOnly } of gone.toReversed()) {
    const folder = findPath({ device, root }, mounts)
    if (folder === undefined) continue
    const name = basename(mountPoint)
    await attach(roots, rootName, { name, folder, identity: { device, root }, isReadOnly }, signal)
  }
}

/** Unmounts all of `surplus`, latest first, or none: FailedPrecondition then names who holds the busy one. */
async function detach(
  roots: RootsFolder,
  rootName: string,
  surplus: readonly Mount[],
  signal: AbortSignal,
): Promise<void> {
  const gone: Mount[] = []
  try {
    for (const mount of surplus) {
      if (!(await tryUnmount(mount.mountPoint, signal))) throw await busy(mount, signal)
      gone.push(mount)
    }
  } catch (error) {
    await attachAgain(roots, rootName, gone, AbortSignal.timeout(UNDO_MS))
    throw error
  }
}

async function busy(mount: Mount, signal: AbortSignal): Promise<PolisError> {
  const holders = await findHolders(mount, signal)
  const who = describeHolders(mount, holders, await readMounts())
  const name = basename(mount.mountPoint)
  return new PolisError('FailedPrecondition', `${name} is in use by ${who}`, {
    hint: 'let it close its files there, or stop it, and try again',
  })
}

function isMet(mount: Mount, wanted: WantedMount, folder: string): boolean {
  return (
    mount.mountPoint === join(folder, wanted.name) &&
    mount.isReadOnly === wanted.isReadOnly &&
    isSameFolder(mount, wanted.identity)
  )
}

/** Unmounts what the root shows beyond `wanted`: all of it, or nothing. */
export async function detachSurplus(
  roots: RootsFolder,
  rootName: string,
  wanted: readonly WantedMount[],
  signal: AbortSignal,
): Promise<void> {
  const folder = join(roots.visible, rootName)
  const mounts = await listVolumeMounts(roots, rootName)
  const kept = new Set(
    wanted.map((one) => mounts.findLast((mount) => isMet(mount, one, folder))?.id),
  )
  const surplus = mounts.filter(({ id }) => !kept.has(id))
  await detach(roots, rootName, surplus, signal)
}

/** Mounts what the root lacks of `wanted`. */
export async function attachMissing(
  roots: RootsFolder,
  rootName: string,
  wanted: readonly WantedMount[],
  signal: AbortSignal,
): Promise<void> {
  const folder = join(roots.visible, rootName)
  const mounts = await listVolumeMounts(roots, rootName)
  for (const one of wanted) {
    if (mounts.some((mount) => isMet(mount, one, folder))) continue
    await attach(roots, rootName, one, signal)
  }
}

/** Ends what a killed attach to that root left staged. */
export async function clearStages(
  roots: RootsFolder,
  rootName: string,
  signal: AbortSignal,
): Promise<void> {
  const prefix = `${join(roots.stage, rootName)}.`
  for (const { mountPoint } of await readMounts()) {
    if (mountPoint.startsWith(prefix)) await clearStage(mountPoint, signal)
  }
}
