// Who keeps a mount busy. A container's programs hold the copy in their own mount namespace, so each process is judged
// by its own mount table.
import { readdir, readFile, readlink } from 'node:fs/promises'
import { isWithin, type Mount, mountsBelow, parseMounts } from './mountinfo.ts'

export interface Holder {
  readonly pid: number
  /** The program's name; its arguments may hold secrets. */
  readonly command: string
  readonly containerId: string | undefined
}

async function orUndefined<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading
  } catch {
    return undefined // it ended meanwhile, or is the kernel's own
  }
}

/** The mount itself and its copies in other namespaces, as one process sees them. */
function copiesOf(mount: Mount, mounts: readonly Mount[]): readonly Mount[] {
  return mounts.filter(
    (other) =>
      other.device === mount.device &&
      other.root === mount.root &&
      mount.sharedGroup !== undefined &&
      (other.sharedGroup === mount.sharedGroup || other.masterGroup === mount.sharedGroup),
  )
}

async function hasOpenFile(pid: number, mountIds: ReadonlySet<string>): Promise<boolean> {
  const fds = (await orUndefined(readdir(`/proc/${pid}/fdinfo`))) ?? []
  for (const fd of fds) {
    const text = (await orUndefined(readFile(`/proc/${pid}/fdinfo/${fd}`, 'utf8'))) ?? ''
    const mountId = /^mnt_id:\s*(?<id>\d+)$/m.exec(text)?.groups?.['id']
    if (mountId !== undefined && mountIds.has(mountId)) return true
  }
  return false
}

/** Working folder, root and mapped files have no mount id in /proc; their paths are those of the process's namespace. */
async function standsIn(pid: number, folders: readonly string[]): Promise<boolean> {
  const links = await Promise.all(
    ['cwd', 'root', 'exe'].map((name) => orUndefined(readlink(`/proc/${pid}/${name}`))),
  )
  const maps = (await orUndefined(readFile(`/proc/${pid}/maps`, 'utf8'))) ?? ''
  const mapped = maps.split('\n').map((line) => /\s(?<path>\/.*)$/.exec(line)?.groups?.['path'])
  const paths = [...links, ...mapped].filter((path) => path !== undefined)
  return paths.some((path) => folders.some((folder) => isWithin(path, folder)))
}

async function describe(pid: number): Promise<Holder> {
  const command = ((await orUndefined(readFile(`/proc/${pid}/comm`, 'utf8'))) ?? '?').trim()
  const cgroups = (await orUndefined(readFile(`/proc/${pid}/cgroup`, 'utf8'))) ?? ''
  const containerId = /[/-](?<id>[0-9a-f]{64})(?:\.scope)?$/m.exec(cgroups)?.groups?.['id']
  return { pid, command, containerId }
}

/** Processes that keep `mount` from being unmounted, on the node and in its containers. */
export async function findHolders(mount: Mount, signal: AbortSignal): Promise<readonly Holder[]> {
  const holders: Holder[] = []
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue
    signal.throwIfAborted()
    const pid = Number(name)
    const text = await orUndefined(readFile(`/proc/${pid}/mountinfo`, 'utf8'))
    const copies = copiesOf(mount, parseMounts(text ?? ''))
    if (copies.length === 0) continue
    const ids = new Set(copies.map(({ id }) => id))
    const folders = copies.map(({ mountPoint }) => mountPoint)
    if ((await hasOpenFile(pid, ids)) || (await standsIn(pid, folders))) {
      holders.push(await describe(pid))
    }
  }
  return holders
}

/** In words: `postgres (pid 7, container 0f3c…), sh (pid 9)`. */
export function describeHolders(
  mount: Mount,
  holders: readonly Holder[],
  mounts: readonly Mount[],
): string {
  const words = holders.slice(0, 5).map(({ pid, command, containerId }) => {
    const where = containerId === undefined ? '' : `, container ${containerId.slice(0, 12)}`
    return `${command} (pid ${pid}${where})`
  })
  const inside = mountsBelow(mount.mountPoint, mounts).map((m) => `a mount at ${m.mountPoint}`)
  const all = [...words, ...inside]
  if (holders.length > words.length) all.push(`${holders.length - words.length} more`)
  return all.length === 0 ? 'something that is not a process of this node' : all.join(', ')
}
