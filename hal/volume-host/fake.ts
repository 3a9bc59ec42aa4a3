import { PolisError } from '@polis/lib/error'
import type { Nothing, ObservedDevice } from '../driver.ts'
import { Faults } from '../faults.ts'
import type { ObservedVolume, TaskRootSpec, VolumeHostPort, VolumeSpec } from './class.ts'
import { checkTaskRoot, requireUid } from './layout.ts'

type Folder = Map<string, string>

interface Volume {
  readonly uid: string
  readonly path: string
  readonly isStatic: boolean
}

export interface FakeVolumeHostOptions {
  /** Where static volumes may lie; default none. */
  readonly allowedRoots?: readonly string[]
}

const TASK_ROOT_DIR = '/fake/tasks'

/** Folders and task roots in memory. `rootOf(taskUid)` is what the task sees under `/polis`. */
export class FakeVolumeHost implements VolumeHostPort {
  readonly #faults = new Faults<keyof VolumeHostPort>()
  readonly #allowedRoots: readonly string[]
  readonly #folders = new Map<string, Folder>()
  readonly #volumes = new Map<string, Volume>()
  readonly #roots = new Map<string, TaskRootSpec>()
  readonly #held = new Map<string, string>()

  constructor(options: FakeVolumeHostOptions = {}) {
    this.#allowedRoots = options.allowedRoots ?? []
  }

  // Levers

  failNext(error: PolisError, method?: keyof VolumeHostPort): void {
    this.#faults.failNext(error, method)
  }

  setAway(isAway: boolean): void {
    this.#faults.setAway(isAway)
  }

  /** A folder of the node, as a person would make it; for volumes with a path. */
  addFolder(path: string, files: Readonly<Record<string, string>> = {}): void {
    this.#folders.set(path, new Map(Object.entries(files)))
  }

  /** What a running task sees: path below `/polis` to content. Undefined while its root is not there. */
  rootOf(taskUid: string): ReadonlyMap<string, string> | undefined {
    const spec = this.#roots.get(taskUid)
    if (spec === undefined) return undefined
    const volumes = spec.volumes.flatMap(({ name, volumeUid }) =>
      [...this.#folderOf(volumeUid)].map(([file, text]) => [`${name}/${file}`, text] as const),
    )
    const trees = spec.trees.flatMap(({ path, files }) =>
      Object.entries(files).map(([file, text]) => [`${path}/${file}`, text] as const),
    )
    return new Map([...volumes, ...trees])
  }

  /** The mounts of a task's root, as given; undefined while it is not there. */
  specOf(taskUid: string): TaskRootSpec | undefined {
    return this.#roots.get(taskUid)
  }

  /** Writes as the task would. Throws PermissionDenied outside its writable volumes. */
  writeAs(taskUid: string, path: string, text: string): void {
    const [name = '', ...rest] = path.split('/')
    const mount = this.#roots.get(taskUid)?.volumes.find((volume) => volume.name === name)
    if (mount === undefined || mount.readOnly) {
      throw new PolisError('PermissionDenied', 'read-only file system', { path })
    }
    this.#folderOf(mount.volumeUid).set(rest.join('/'), text)
  }

  /** While held, that mount of that task is busy, and `holder` is named as who holds it. */
  hold(taskUid: string, mountName: string, holder: string): void {
    this.#held.set(`${taskUid}/${mountName}`, holder)
  }

  release(taskUid: string, mountName: string): void {
    this.#held.delete(`${taskUid}/${mountName}`)
  }

  /** As after a reboot: volumes are still there, task roots are not. */
  reboot(): void {
    this.#roots.clear()
    this.#held.clear()
  }

  // Port

  async ensureDevice(_: Nothing, signal: AbortSignal): Promise<ObservedDevice> {
    this.#faults.enter('ensureDevice', signal)
    return { isReady: true, message: '', facts: { taskRootDir: TASK_ROOT_DIR } }
  }

  async observeDevice(_: Nothing, signal: AbortSignal): Promise<ObservedDevice> {
    this.#faults.enter('observeDevice', signal)
    return { isReady: true, message: '', facts: { taskRootDir: TASK_ROOT_DIR } }
  }

  async removeDevice(_: Nothing, signal: AbortSignal): Promise<Nothing> {
    this.#faults.enter('removeDevice', signal)
    for (const taskUid of this.#roots.keys()) this.#requireIdle(taskUid, [])
    this.#roots.clear()
    return {}
  }

  async ensureVolume(input: VolumeSpec, signal: AbortSignal): Promise<ObservedVolume> {
    this.#faults.enter('ensureVolume', signal)
    const { uid } = input
    requireUid(uid, 'uid')
    const path = input.path === undefined ? `/fake/volumes/${uid}` : this.#allowed(input.path)
    const known = this.#volumes.get(uid)
    if (known !== undefined && known.path !== path) {
      throw new PolisError('FailedPrecondition', `volume ${uid} lies at ${known.path} already`)
    }
    if (!this.#folders.has(path)) this.#folders.set(path, new Map())
    this.#volumes.set(uid, { uid, path, isStatic: input.path !== undefined })
    return { uid, path }
  }

  async purgeVolume(input: { uid: string }, signal: AbortSignal): Promise<Nothing> {
    this.#faults.enter('purgeVolume', signal)
    requireUid(input.uid, 'uid')
    const volume = this.#volumes.get(input.uid)
    if (volume === undefined) return {}
    const users = [...this.#roots.values()].filter((root) =>
      root.volumes.some((mount) => mount.volumeUid === input.uid),
    )
    if (users.length > 0) {
      const names = users.map((root) => root.taskUid).join(', ')
      throw new PolisError('FailedPrecondition', `volume ${input.uid} is mounted in ${names}`)
    }
    if (!volume.isStatic) this.#folders.delete(volume.path)
    this.#volumes.delete(input.uid)
    return {}
  }

  async observeVolume(input: { uid: string }, signal: AbortSignal): Promise<ObservedVolume> {
    this.#faults.enter('observeVolume', signal)
    requireUid(input.uid, 'uid')
    const files = this.#folderOf(input.uid)
    const sizeBytes = [...files.values()].reduce((sum, text) => sum + text.length, 0)
    return { uid: input.uid, path: this.#volumes.get(input.uid)?.path ?? '', sizeBytes }
  }

  async listVolumes(_: Nothing, signal: AbortSignal): Promise<{ volumes: ObservedVolume[] }> {
    this.#faults.enter('listVolumes', signal)
    return { volumes: [...this.#volumes.values()].map(({ uid, path }) => ({ uid, path })) }
  }

  async ensureTaskRoot(input: TaskRootSpec, signal: AbortSignal): Promise<{ sourcePath: string }> {
    this.#faults.enter('ensureTaskRoot', signal)
    checkTaskRoot(input)
    for (const mount of input.volumes) this.#folderOf(mount.volumeUid)
    this.#requireIdle(input.taskUid, input.volumes)
    this.#roots.set(input.taskUid, structuredClone(input))
    return { sourcePath: `${TASK_ROOT_DIR}/${input.taskUid}` }
  }

  async removeTaskRoot(input: { taskUid: string }, signal: AbortSignal): Promise<Nothing> {
    this.#faults.enter('removeTaskRoot', signal)
    requireUid(input.taskUid, 'taskUid')
    this.#requireIdle(input.taskUid, [])
    this.#roots.delete(input.taskUid)
    return {}
  }

  async listTaskRoots(_: Nothing, signal: AbortSignal): Promise<{ taskUids: string[] }> {
    this.#faults.enter('listTaskRoots', signal)
    return { taskUids: [...this.#roots.keys()] }
  }

  #folderOf(uid: string): Folder {
    const volume = this.#volumes.get(uid)
    const folder = volume === undefined ? undefined : this.#folders.get(volume.path)
    if (folder === undefined) throw new PolisError('NotFound', `no volume ${uid}`)
    return folder
  }

  #allowed(path: string): string {
    const isAllowed = this.#allowedRoots.some((root) => `${path}/`.startsWith(`${root}/`))
    if (!isAllowed || path.split('/').includes('..')) {
      throw new PolisError('PermissionDenied', 'not under an allowed root', { path: 'path' })
    }
    if (!this.#folders.has(path)) {
      throw new PolisError('NotFound', `no folder ${path}`, { path: 'path' })
    }
    return path
  }

  #requireIdle(taskUid: string, wanted: TaskRootSpec['volumes']): void {
    for (const mount of this.#roots.get(taskUid)?.volumes ?? []) {
      const holder = this.#held.get(`${taskUid}/${mount.name}`)
      const stays = wanted.some(
        (w) =>
          w.name === mount.name && w.volumeUid === mount.volumeUid && w.readOnly === mount.readOnly,
      )
      if (holder === undefined || stays) continue
      throw new PolisError('FailedPrecondition', `${mount.name} is in use by ${holder}`)
    }
  }
}
