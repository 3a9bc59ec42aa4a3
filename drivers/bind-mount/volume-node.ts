// A node for this driver's tests: folders, a device, and what a reboot takes.
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DriverHost } from '@polis/hal/driver'
import type { VolumeHostPort } from '@polis/hal/volume-host'
import { run } from '@polis/lib/run'
import { newUid } from '@polis/lib/uid'
import { bindMountDriver } from './driver.ts'
import { readMounts } from './mountinfo.ts'

const signal = (): AbortSignal => AbortSignal.timeout(20_000)

/** Takes away what is mounted at or below a folder, the latest first. */
export async function unmountAll(path: string): Promise<void> {
  const mounts = (await readMounts()).filter(({ mountPoint }) =>
    `${mountPoint}/`.startsWith(`${path}/`),
  )
  for (const { mountPoint } of mounts.toReversed()) {
    await run('umount', ['--lazy', mountPoint], { signal: signal() })
  }
}

export class VolumeNode implements AsyncDisposable {
  readonly host: DriverHost & AsyncDisposable
  readonly port: VolumeHostPort
  /** Not allowed itself; `allowed` in it is. */
  readonly folder: string
  readonly allowed: string
  readonly deviceUid = newUid()
  readonly #parameters: Readonly<Record<string, unknown>>

  private constructor(
    host: DriverHost & AsyncDisposable,
    folder: string,
    parameters: Readonly<Record<string, unknown>>,
  ) {
    this.host = host
    this.folder = folder
    this.allowed = join(folder, 'allowed')
    this.#parameters = { allowedRoots: [this.allowed], ...parameters }
    this.port = this.reopen()
  }

  static async open(
    host: DriverHost & AsyncDisposable,
    parameters: Readonly<Record<string, unknown>> = {},
  ): Promise<VolumeNode> {
    const folder = await mkdtemp(join(tmpdir(), 'polis-node-'))
    await mkdir(join(folder, 'allowed'))
    return new VolumeNode(host, folder, parameters)
  }

  /** The device as an agent opens it that was started anew. */
  reopen(): VolumeHostPort {
    const device = { uid: this.deviceUid, name: 'volumes', parameters: this.#parameters }
    return bindMountDriver().open(device, this.host)
  }

  get missingPath(): string {
    return join(this.allowed, 'missing')
  }

  async addFolder(): Promise<string> {
    const path = await mkdtemp(join(this.allowed, 'folder-'))
    await writeFile(join(path, 'greeting'), 'hello')
    return path
  }

  async forbiddenPaths(): Promise<readonly string[]> {
    const outside = join(this.folder, 'outside')
    await mkdir(outside, { recursive: true })
    const link = join(this.allowed, 'link')
    await symlink(outside, link).catch(() => undefined)
    const dots = `${this.allowed}/../outside`
    return ['/etc', outside, dots, link, `${this.allowed}x`, '/', 'relative']
  }

  reboot(): Promise<void> {
    return unmountAll(this.host.runDir)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.port.removeDevice({}, signal())
    } finally {
      await unmountAll(this.host.runDir)
      await unmountAll(this.host.dataDir)
      await unmountAll(this.folder)
      await rm(this.folder, { recursive: true, force: true })
      await this.host[Symbol.asyncDispose]()
    }
  }
}
