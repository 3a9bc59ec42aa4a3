// What is mounted now, as the kernel says: https://www.kernel.org/doc/Documentation/filesystems/proc.txt, section 3.5.
import { readFile } from 'node:fs/promises'
import { join, relative } from 'node:path'

export interface Mount {
  readonly id: string
  readonly parentId: string
  /** `major:minor` of the file system. */
  readonly device: string
  /** Folder of the file system that is the mount's root. */
  readonly root: string
  readonly mountPoint: string
  readonly isReadOnly: boolean
  /** Restrictions of the mount beyond read-only: nosuid, nodev, noexec and the like. */
  readonly flags: readonly string[]
  /** Peer group whose members see each other's mounts. */
  readonly sharedGroup: string | undefined
  /** Peer group it receives mounts from. */
  readonly masterGroup: string | undefined
  readonly fsType: string
  readonly source: string
}

/** One folder of one file system, wherever it is mounted. */
export interface FolderIdentity {
  readonly device: string
  readonly root: string
}

function unescape(field: string): string {
  return field.replaceAll(/\\(?<code>[0-7]{3})/g, (_, code: string) =>
    String.fromCodePoint(Number.parseInt(code, 8)),
  )
}

function parseLine(line: string): Mount | undefined {
  const fields = line.split(' ')
  const dash = fields.indexOf('-', 6)
  const [id, parentId, device, root, mountPoint, options] = fields
  if (dash === -1 || id === undefined || parentId === undefined || device === undefined) {
    return undefined
  }
  const flags = (options ?? '').split(',')
  const tags = fields.slice(6, dash)
  const groupOf = (tag: string): string | undefined =>
    tags.find((text) => text.startsWith(`${tag}:`))?.slice(tag.length + 1)
  return {
    id,
    parentId,
    device,
    root: unescape(root ?? ''),
    mountPoint: unescape(mountPoint ?? ''),
    isReadOnly: flags.includes('ro'),
    flags: flags.filter((flag) => flag !== 'ro' && flag !== 'rw'),
    sharedGroup: groupOf('shared'),
    masterGroup: groupOf('master'),
    fsType: fields[dash + 1] ?? '',
    source: unescape(fields[dash + 2] ?? ''),
  }
}

export function parseMounts(text: string): readonly Mount[] {
  return text
    .split('\n')
    .map((line) => parseLine(line))
    .filter((mount) => mount !== undefined)
}

/** Mounts as process `pid` sees them, in the order they were made. */
export async function readMounts(pid: number | 'self' = 'self'): Promise<readonly Mount[]> {
  return parseMounts(await readFile(`/proc/${pid}/mountinfo`, 'utf8'))
}

/** True for `path` itself and what lies below it. */
export function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith('/') ? folder : `${folder}/`)
}

/** The mount that `path`, free of symbolic links, lies on; the latest where several cover it. */
export function mountOf(path: string, mounts: readonly Mount[]): Mount | undefined {
  return mounts
    .filter((mount) => isWithin(path, mount.mountPoint))
    .reduce<Mount | undefined>(
      (best, mount) =>
        best === undefined || mount.mountPoint.length >= best.mountPoint.length ? mount : best,
      undefined,
    )
}

/** Which folder of which file system `path`, free of symbolic links, is. */
export function identify(path: string, mounts: readonly Mount[]): FolderIdentity | undefined {
  const mount = mountOf(path, mounts)
  if (mount === undefined) return undefined
  return { device: mount.device, root: join(mount.root, relative(mount.mountPoint, path)) }
}

export function isSameFolder(a: FolderIdentity, b: FolderIdentity): boolean {
  return a.device === b.device && a.root === b.root
}

/** Mounts strictly below `path`. */
export function mountsBelow(path: string, mounts: readonly Mount[]): readonly Mount[] {
  return mounts.filter(({ mountPoint }) => mountPoint !== path && isWithin(mountPoint, path))
}
