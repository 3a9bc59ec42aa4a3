import { mkdir, readdir, rename } from 'node:fs/promises'
import { join } from 'node:path'
import type { TaskRootSpec } from '@polis/hal/volume-host'
import { PolisError } from '@polis/lib/error'
import { ensureTree, pruneTrees } from './file-trees.ts'
import { exists, removeFolder } from './folders.ts'
import { identify, mountsBelow, readMounts } from './mountinfo.ts'
import type { RootsFolder } from './roots-folder.ts'
import { attachMissing, clearStages, detachSurplus, type WantedMount } from './volume-mounts.ts'
import type { Volumes } from './volumes.ts'

/** A root that is being assembled, and one that is being taken away: out of the tasks' sight, found again after a kill. */
const freshName = (taskUid: string): string => `.new-${taskUid}`
const doomedName = (taskUid: string): string => `.gone-${taskUid}`

const UNDO_MS = 20_000

/** What tasks see under `/polis`: one folder each below `roots`. Callers see to it that a task has one call at a time. */
export class TaskRoots {
  readonly #roots: RootsFolder
  readonly #volumes: Volumes

  constructor(deps: { readonly roots: RootsFolder; readonly volumes: Volumes }) {
    this.#roots = deps.roots
    this.#volumes = deps.volumes
  }

  async ensure(spec: TaskRootSpec, signal: AbortSignal): Promise<{ sourcePath: string }> {
    const { taskUid } = spec
    const wanted = await this.#toWanted(spec)
    await this.#roots.ensure(signal)
    const rootName = await this.#chooseRoot(taskUid)
    await this.#bring(rootName, spec, wanted, signal)
    const sourcePath = join(this.#roots.visible, taskUid)
    if (rootName === taskUid) return { sourcePath }
    await rename(this.#hidden(rootName), this.#hidden(taskUid))
    return { sourcePath }
  }

  async remove(taskUid: string, signal: AbortSignal): Promise<void> {
    if ((await this.#roots.observe()) !== undefined) await this.#roots.ensure(signal)
    await this.#dismantle(freshName(taskUid), signal)
    const doomed = doomedName(taskUid)
    if (!(await exists(this.#hidden(taskUid)))) return this.#dismantle(doomed, signal)
    await this.#dismantle(doomed, signal)
    // Gone at once for a task that starts now; with its volumes still mounted, should one of them be busy.
    await rename(this.#hidden(taskUid), this.#hidden(doomed))
    try {
      await this.#dismantle(doomed, signal)
    } catch (error) {
      if (await exists(this.#hidden(doomed))) {
        await rename(this.#hidden(doomed), this.#hidden(taskUid))
      }
      throw error
    }
    return undefined
  }

  /** Complete ones. */
  async list(): Promise<readonly string[]> {
    if ((await this.#roots.observe()) !== undefined) return []
    return (await readdir(this.#roots.hidden)).filter((name) => !name.startsWith('.'))
  }

  /** Tasks of which a killed call left something that no task sees. */
  async listLeftovers(): Promise<readonly string[]> {
    const names = await readdir(this.#roots.hidden)
    return names.flatMap((name) => /^\.(?:new|gone)-(?<uid>.+)$/.exec(name)?.groups?.['uid'] ?? [])
  }

  async sweep(taskUid: string, signal: AbortSignal): Promise<void> {
    await this.#dismantle(freshName(taskUid), signal)
    await this.#dismantle(doomedName(taskUid), signal)
  }

  #hidden(rootName: string): string {
    return join(this.#roots.hidden, rootName)
  }

  async #toWanted(spec: TaskRootSpec): Promise<readonly WantedMount[]> {
    const mounts = await readMounts()
    return Promise.all(
      spec.volumes.map(async ({ name, volumeUid, readOnly }) => {
        const folder = await this.#volumes.folderOf(volumeUid)
        const identity = identify(folder, mounts)
        if (identity === undefined) throw new PolisError('Internal', `${folder} is on no mount`)
        return { name, folder, identity, isReadOnly: readOnly }
      }),
    )
  }

  /** The root of a task that may run already; else what a killed call left of it; else a new one. */
  async #chooseRoot(taskUid: string): Promise<string> {
    for (const name of [taskUid, doomedName(taskUid), freshName(taskUid)]) {
      if (await exists(this.#hidden(name))) return name
    }
    await mkdir(this.#hidden(freshName(taskUid)), { mode: 0o555 })
    return freshName(taskUid)
  }

  async #bring(
    rootName: string,
    spec: TaskRootSpec,
    wanted: readonly WantedMount[],
    signal: AbortSignal,
  ): Promise<void> {
    const root = this.#hidden(rootName)
    await clearStages(this.#roots, rootName, signal)
    await detachSurplus(this.#roots, rootName, wanted, signal)
    const trees = new Set(spec.trees.map(({ path }) => path))
    const volumes = new Set(spec.volumes.map(({ name }) => name))
    await pruneTrees(root, '', { trees, volumes }, signal)
    for (const tree of spec.trees) {
      await ensureTree(root, tree, this.#hidden(`.tree-${spec.taskUid}`), signal)
    }
    await attachMissing(this.#roots, rootName, wanted, signal)
  }

  /** Unmounts a root's volumes and deletes its folder, all or nothing; absent already is success. */
  async #dismantle(rootName: string, signal: AbortSignal): Promise<void> {
    if (!(await exists(this.#hidden(rootName)))) return
    await clearStages(this.#roots, rootName, signal)
    await detachSurplus(this.#roots, rootName, [], signal)
    const folder = join(this.#roots.visible, rootName)
    const [first] = mountsBelow(folder, await readMounts())
    if (first !== undefined) {
      throw new PolisError('FailedPrecondition', `${first.mountPoint} is still mounted`)
    }
    await removeFolder(this.#hidden(rootName), AbortSignal.timeout(UNDO_MS))
  }
}
