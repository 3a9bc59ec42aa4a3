import type { DeviceIdentity, Driver, DriverHost, Nothing, ObservedDevice } from '@polis/hal/driver'
import { parseParameters } from '@polis/hal/parameters'
import type {
  ObservedVolume,
  TaskRootSpec,
  VolumeHostPort,
  VolumeSpec,
} from '@polis/hal/volume-host'
import { checkTaskRoot, requireUid } from '@polis/hal/volume-host/layout'
import { z } from 'zod'
import { Parameters } from './config.ts'
import { fromFsError } from './errors.ts'
import { RootsFolder } from './roots-folder.ts'
import { TaskRoots } from './task-roots.ts'
import { Turns } from './turns.ts'
import { measureFolder, Volumes } from './volumes.ts'

class BindMountVolumeHost implements VolumeHostPort {
  readonly #roots: RootsFolder
  readonly #volumes: Volumes
  readonly #taskRoots: TaskRoots
  readonly #turns: Turns
  readonly #deviceUid: string

  constructor(device: DeviceIdentity, host: DriverHost, turns: Turns) {
    const { allowedRoots, filesSizeBytes } = parseParameters(Parameters, device)
    const { dataDir, runDir } = host
    this.#roots = new RootsFolder({ runDir, sizeBytes: filesSizeBytes })
    this.#volumes = new Volumes({ dataDir, runDir, allowedRoots })
    this.#taskRoots = new TaskRoots({ roots: this.#roots, volumes: this.#volumes })
    this.#turns = turns
    this.#deviceUid = device.uid
  }

  async ensureDevice(_: Nothing, signal: AbortSignal): Promise<ObservedDevice> {
    await this.#turn('device', 'prepare volumes and task roots', signal, async () => {
      await this.#volumes.prepare()
      await this.#roots.ensure(signal)
    })
    for (const taskUid of await this.#taskRoots.listLeftovers()) {
      await this.#turn(`task ${taskUid}`, `sweep the root of task ${taskUid}`, signal, () =>
        this.#taskRoots.sweep(taskUid, signal),
      )
    }
    return this.observeDevice({}, signal)
  }

  async observeDevice(_: Nothing, signal: AbortSignal): Promise<ObservedDevice> {
    signal.throwIfAborted()
    const fault = await this.#roots.observe()
    const facts = { taskRootDir: this.#roots.visible }
    return { isReady: fault === undefined, message: fault ?? '', facts }
  }

  async removeDevice(_: Nothing, signal: AbortSignal): Promise<Nothing> {
    for (const taskUid of await this.#taskRoots.list()) {
      await this.removeTaskRoot({ taskUid }, signal)
    }
    await this.#turn('device', 'take away the task roots', signal, async () => {
      if ((await this.#roots.observe()) === undefined) {
        for (const uid of await this.#taskRoots.listLeftovers()) {
          await this.#taskRoots.sweep(uid, signal)
        }
      }
      await this.#roots.remove(signal)
    })
    return {}
  }

  async ensureVolume(input: VolumeSpec, signal: AbortSignal): Promise<ObservedVolume> {
    requireUid(input.uid, 'uid')
    return this.#volumeTurn(input.uid, 'ensure', signal, () => this.#volumes.ensure(input, signal))
  }

  async purgeVolume({ uid }: { uid: string }, signal: AbortSignal): Promise<Nothing> {
    requireUid(uid, 'uid')
    await this.#volumeTurn(uid, 'purge', signal, () => this.#volumes.purge(uid, signal))
    return {}
  }

  async observeVolume({ uid }: { uid: string }, signal: AbortSignal): Promise<ObservedVolume> {
    requireUid(uid, 'uid')
    return named(`observe volume ${uid}`, signal, async () => {
      const folder = await this.#volumes.folderOf(uid)
      const path = (await this.#volumes.find(uid)) ?? folder
      return { uid, path, sizeBytes: await measureFolder(folder, signal) }
    })
  }

  async listVolumes(_: Nothing, signal: AbortSignal): Promise<{ volumes: ObservedVolume[] }> {
    return named('list volumes', signal, async () => ({ volumes: await this.#volumes.list() }))
  }

  async ensureTaskRoot(input: TaskRootSpec, signal: AbortSignal): Promise<{ sourcePath: string }> {
    checkTaskRoot(input)
    const { taskUid } = input
    const work = (): Promise<{ sourcePath: string }> => this.#taskRoots.ensure(input, signal)
    // A volume must not be purged between the look at it and its mount.
    const uids = new Set(input.volumes.map(({ volumeUid }) => volumeUid))
    const turns = [`task ${taskUid}`, ...[...uids].toSorted().map((uid) => `volume ${uid}`)]
    const [first = '', ...rest] = turns
    const inTurn = rest.reduceRight<typeof work>((inner, key) => () => this.#wait(key, inner), work)
    return this.#turn(first, `give task ${taskUid} its root`, signal, inTurn)
  }

  async removeTaskRoot({ taskUid }: { taskUid: string }, signal: AbortSignal): Promise<Nothing> {
    requireUid(taskUid, 'taskUid')
    await this.#turn(`task ${taskUid}`, `remove the root of task ${taskUid}`, signal, () =>
      this.#taskRoots.remove(taskUid, signal),
    )
    return {}
  }

  async listTaskRoots(_: Nothing, signal: AbortSignal): Promise<{ taskUids: string[] }> {
    return named('list task roots', signal, async () => ({
      taskUids: [...(await this.#taskRoots.list())],
    }))
  }

  #volumeTurn<T>(
    uid: string,
    verb: string,
    signal: AbortSignal,
    work: () => Promise<T>,
  ): Promise<T> {
    return this.#turn(`volume ${uid}`, `${verb} volume ${uid}`, signal, work)
  }

  #turn<T>(key: string, doing: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    return this.#wait(key, () => named(doing, signal, work))
  }

  #wait<T>(key: string, work: () => Promise<T>): Promise<T> {
    return this.#turns.take(`${this.#deviceUid} ${key}`, work)
  }
}

async function named<T>(doing: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  signal.throwIfAborted()
  try {
    return await work()
  } catch (error) {
    throw fromFsError(error, doing)
  }
}

/** Volumes as folders of the node, mounted below each task's `/polis` while it runs. Needs root. */
export function bindMountDriver(): Driver<VolumeHostPort> {
  // A device opened anew, with other parameters, waits for the calls that still run on the old one.
  const turns = new Turns()
  return {
    manifest: {
      name: 'bind-mount',
      class: 'volume-host',
      version: '0.1.0',
      summary: 'Volumes as folders of the node, mounted into running tasks.',
      parameters: z.toJSONSchema(Parameters, { io: 'input' }),
      capabilities: {},
    },
    open: (device, host) => new BindMountVolumeHost(device, host, turns),
  }
}
