// One tmpfs for all task roots, mounted twice. `hidden` is writable and private: the driver builds there, and since
// nothing but folders and files of the tmpfs itself is ever seen through it, deleting there cannot reach a volume.
// `visible` is the same tmpfs read-only and shared: volumes are mounted on it, tasks bind its folders `rslave`, and what
// a task writes beside its volumes is refused by the kernel, whatever rights the task has.
import { mkdir, rmdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { PolisError } from '@polis/lib/error'
import { errnoOf } from './errors.ts'
import { bind, changeMount, mountTmpfs, tryUnmount } from './mount-commands.ts'
import { type Mount, mountsBelow, readMounts } from './mountinfo.ts'

const FLAGS = 'nosuid,nodev,noexec'

export class RootsFolder {
  readonly hidden: string
  readonly visible: string
  readonly #sizeBytes: number

  constructor(options: { readonly runDir: string; readonly sizeBytes: number }) {
    this.hidden = join(options.runDir, 'tasks.rw')
    this.visible = join(options.runDir, 'tasks')
    this.#sizeBytes = options.sizeBytes
  }

  /** Where a volume is bound privately, to be checked and made read-only, before a task can see it. */
  get stage(): string {
    return join(this.hidden, '.stage')
  }

  /** Mounts what is missing and mends what is half-done. Tasks that run keep what they see. */
  async ensure(signal: AbortSignal): Promise<void> {
    const mounts = await readMounts()
    if (this.#findFault(mounts) === undefined) return
    await this.#ensureHidden(mounts, signal)
    await this.#ensureVisible(signal)
    await mkdir(this.stage, { recursive: true, mode: 0o700 })
    const fault = this.#findFault(await readMounts())
    if (fault !== undefined) throw new PolisError('Internal', fault)
  }

  /** What is wrong, in words; undefined when all is as it should be. */
  async observe(): Promise<string | undefined> {
    return this.#findFault(await readMounts())
  }

  /** Takes both mounts away. Throws FailedPrecondition while a volume is mounted in a task's root. */
  async remove(signal: AbortSignal): Promise<void> {
    for (const path of [this.visible, this.hidden]) {
      const [first] = mountsBelow(path, await readMounts())
      if (first !== undefined) {
        throw new PolisError('FailedPrecondition', `${first.mountPoint} is still mounted`)
      }
      while ((await this.#mountsAt(path)).length > 0) {
        if (await tryUnmount(path, signal)) continue
        throw new PolisError('FailedPrecondition', `${path} is in use`)
      }
      await rmdir(path).catch((error: unknown) => {
        if (errnoOf(error) !== 'ENOENT') throw error
      })
    }
  }

  #findFault(mounts: readonly Mount[]): string | undefined {
    const hidden = mounts.filter(({ mountPoint }) => mountPoint === this.hidden)
    const visible = mounts.filter(({ mountPoint }) => mountPoint === this.visible)
    if (hidden.length !== 1 || visible.length !== 1) return 'the tmpfs of task roots is not mounted'
    const [rw, ro] = [hidden[0], visible[0]]
    if (rw === undefined || ro === undefined || rw.device !== ro.device || rw.root !== ro.root) {
      return `${this.visible} shows another file system than ${this.hidden}`
    }
    if (rw.isReadOnly || rw.sharedGroup !== undefined) return `${this.hidden} is half mounted`
    if (!ro.isReadOnly || ro.sharedGroup === undefined) return `${this.visible} is half mounted`
    return undefined
  }

  async #ensureHidden(mounts: readonly Mount[], signal: AbortSignal): Promise<void> {
    await mkdir(this.hidden, { recursive: true, mode: 0o700 })
    const found = mounts.filter(({ mountPoint }) => mountPoint === this.hidden)
    if (found.length === 0) {
      const isVisible = mounts.some(({ mountPoint }) => mountPoint === this.visible)
      const options = `mode=0755,size=${this.#sizeBytes},${FLAGS}`
      // Somebody took the writable side away: tasks still look at the other one, so it must be the same tmpfs.
      if (isVisible) await bind(this.visible, this.hidden, signal)
      else await mountTmpfs(this.hidden, options, signal)
    }
    await changeMount(this.hidden, ['--make-private'], signal)
    const isReadOnly = (await this.#mountsAt(this.hidden)).some((mount) => mount.isReadOnly)
    if (isReadOnly) await changeMount(this.hidden, ['-o', `remount,bind,rw,${FLAGS}`], signal)
  }

  async #ensureVisible(signal: AbortSignal): Promise<void> {
    await mkdir(this.visible, { recursive: true, mode: 0o755 })
    const [hidden] = await this.#mountsAt(this.hidden)
    const found = await this.#mountsAt(this.visible)
    if (found.some(({ device }) => device !== hidden?.device)) {
      throw new PolisError('FailedPrecondition', `something else is mounted at ${this.visible}`)
    }
    if (found.length === 0) await bind(this.hidden, this.visible, signal)
    await changeMount(this.visible, ['-o', `remount,bind,ro,${FLAGS}`], signal)
    await changeMount(this.visible, ['--make-shared'], signal)
  }

  async #mountsAt(path: string): Promise<readonly Mount[]> {
    return (await readMounts()).filter(({ mountPoint }) => mountPoint === path)
  }
}

/** Mounts on the folders of the root of that name, the latest first; what is mounted inside a volume is not ours. */
export async function listVolumeMounts(
  roots: RootsFolder,
  rootName: string,
): Promise<readonly Mount[]> {
  const folder = join(roots.visible, rootName)
  return (await readMounts()).filter((mount) => dirname(mount.mountPoint) === folder).toReversed()
}
