// Nothing with data in it goes: not by a removal, a purge, a kill in the middle, or somebody else's mounts in the way.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { run } from '@polis/lib/run'
import { newUid } from '@polis/lib/uid'
import { until } from '@polis/lib/until'
import { openTestDriverHost } from '@polis/test/driver-host'
import { expect, onTestFinished, test } from 'vitest'
import { removeFolder } from './folders.ts'
import { identify, isWithin, readMounts } from './mountinfo.ts'
import { RootsFolder } from './roots-folder.ts'
import { startShell } from './shell-task.ts'
import { attachMissing } from './volume-mounts.ts'
import { unmountAll, VolumeNode } from './volume-node.ts'

const signal = (): AbortSignal => AbortSignal.timeout(20_000)

async function openNode(): Promise<VolumeNode> {
  const node = await VolumeNode.open(await openTestDriverHost())
  onTestFinished(() => node[Symbol.asyncDispose]())
  await node.port.ensureDevice({}, signal())
  return node
}

/** A new automatic volume with a file `precious` in a folder. */
async function addVolume(node: VolumeNode): Promise<{ uid: string; path: string; file: string }> {
  const uid = newUid()
  const { path } = await node.port.ensureVolume({ uid }, signal())
  await mkdir(join(path, 'folder'))
  const file = join(path, 'folder', 'precious')
  await writeFile(file, 'data')
  return { uid, path, file }
}

const mountOf = (volumeUid: string, name = 'files') => ({ name, volumeUid, readOnly: false })

async function mountBind(source: string, target: string): Promise<void> {
  await mkdir(target, { recursive: true })
  await run('mount', ['--bind', source, target], { signal: signal() })
}

test('a folder is not deleted when anything is mounted in it, even from its own file system', async () => {
  const node = await openNode()
  const { path, file } = await addVolume(node)
  const doomed = join(node.folder, 'doomed')
  await mkdir(join(doomed, 'first'), { recursive: true })
  await mountBind(path, join(doomed, 'last/mount'))
  await expect(removeFolder(doomed, signal())).rejects.toMatchObject({ code: 'FailedPrecondition' })
  expect(await readdir(doomed)).toEqual(['first', 'last'])
  await unmountAll(doomed)
  await symlink(path, join(doomed, 'link'))
  await removeFolder(doomed, signal())
  await removeFolder(doomed, signal())
  expect(await readFile(file, 'utf8')).toBe('data')
})

test("a purge follows no link and refuses another's mount in the volume", async () => {
  const node = await openNode()
  const kept = await addVolume(node)
  const doomed = await addVolume(node)
  await symlink(kept.path, join(doomed.path, 'link'))
  await mountBind(kept.path, join(doomed.path, 'folder/mount'))
  const purging = node.port.purgeVolume({ uid: doomed.uid }, signal())
  await expect(purging).rejects.toMatchObject({ code: 'FailedPrecondition' })
  expect(await readFile(doomed.file, 'utf8')).toBe('data')
  await unmountAll(join(doomed.path, 'folder/mount'))
  await node.port.purgeVolume({ uid: doomed.uid }, signal())
  await expect(stat(doomed.path)).rejects.toMatchObject({ code: 'ENOENT' })
  expect(await readFile(kept.file, 'utf8')).toBe('data')
})

test('a volume that only a container still sees is not purged', async () => {
  const node = await openNode()
  const { uid, file } = await addVolume(node)
  const input = { taskUid: newUid(), volumes: [mountOf(uid)], trees: [] }
  const { sourcePath } = await node.port.ensureTaskRoot(input, signal())
  const task = await startShell(sourcePath)
  onTestFinished(() => task[Symbol.asyncDispose]())
  await task.run('mount --make-rprivate /mnt')
  await node.reboot()
  await expect(node.port.purgeVolume({ uid }, signal())).rejects.toMatchObject({
    code: 'FailedPrecondition',
  })
  expect(await readFile(file, 'utf8')).toBe('data')
  await task[Symbol.asyncDispose]()
  await node.port.purgeVolume({ uid }, signal())
})

test("a root with somebody else's mount in it is not removed, and his data stays", async () => {
  const node = await openNode()
  const { uid } = await addVolume(node)
  const other = await addVolume(node)
  const taskUid = newUid()
  const input = { taskUid, volumes: [mountOf(uid)], trees: [] }
  const { sourcePath } = await node.port.ensureTaskRoot(input, signal())
  await run('mount', ['--bind', other.path, join(sourcePath, 'files/folder')], { signal: signal() })
  await expect(node.port.removeTaskRoot({ taskUid }, signal())).rejects.toThrow('a mount at')
  expect(await readFile(other.file, 'utf8')).toBe('data')
  await unmountAll(join(sourcePath, 'files/folder'))
  await node.port.removeTaskRoot({ taskUid }, signal())
  expect(await readFile(other.file, 'utf8')).toBe('data')
})

test('a folder that is another one by the time it is mounted is never shown', async () => {
  const node = await openNode()
  const { runDir } = node.host
  const expected = await addVolume(node)
  const other = await addVolume(node)
  const taskUid = newUid()
  await node.port.ensureTaskRoot({ taskUid, volumes: [], trees: [] }, signal())
  const identity = identify(expected.path, await readMounts())
  if (identity === undefined) throw new Error('unreachable: every folder lies on a mount')
  const wanted = { name: 'files', folder: other.path, identity, isReadOnly: false }
  const roots = new RootsFolder({ runDir, sizeBytes: 1 })
  const attaching = attachMissing(roots, taskUid, [wanted], signal())
  await expect(attaching).rejects.toMatchObject({ code: 'PermissionDenied' })
  expect(await readdir(join(runDir, 'tasks', taskUid, 'files'))).toEqual([])
  const places = (await readMounts()).map(({ mountPoint }) => mountPoint)
  expect(places.filter((place) => isWithin(place, roots.stage))).toEqual([])
})

/** Runs ensureTaskRoot and removeTaskRoot in turn, for ever, in a process of its own. */
function startChurn(
  node: VolumeNode,
  taskUid: string,
  volumeUids: readonly string[],
): ChildProcess {
  const device = { uid: node.deviceUid, name: 'volumes', parameters: {} }
  const { dataDir, runDir } = node.host
  const script = `
    import { bindMountDriver } from '${import.meta.dirname}/driver.ts'
    const port = bindMountDriver().open(${JSON.stringify(device)}, ${JSON.stringify({ dataDir, runDir })})
    const signal = AbortSignal.timeout(60_000)
    const taskUid = '${taskUid}'
    const volumes = ${JSON.stringify(volumeUids.map((uid, index) => ({ ...mountOf(uid, `v${index}`), readOnly: index === 1 })))}
    await port.ensureDevice({}, signal)
    process.stdout.write('ready')
    for (let round = 0; ; round += 1) {
      const trees = [{ path: 'bindings/db', files: { password: String(round), host: 'h' } }]
      await port.ensureTaskRoot({ taskUid, volumes: volumes.slice(round % 3), trees }, signal)
      if (round % 4 === 3) await port.removeTaskRoot({ taskUid }, signal)
    }`
  const args = ['--input-type=module-typescript', '--eval', script]
  return spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
}

test('killed at any moment, it is brought to what is asked for, and the data is there', async () => {
  const node = await openNode()
  const volumes = [await addVolume(node), await addVolume(node), await addVolume(node)]
  const uids = volumes.map(({ uid }) => uid)
  const taskUid = newUid()
  const states = new Set<string>()
  for (let kill = 0; kill < 14; kill += 1) {
    const churn = startChurn(node, taskUid, uids)
    onTestFinished(() => void churn.kill('SIGKILL'))
    if (churn.stdout !== null) await once(churn.stdout, 'data')
    await sleep(20 + kill * 7)
    churn.kill('SIGKILL')
    await once(churn, 'exit')
    await untilIdle(node)
    states.add((await readdir(join(node.host.runDir, 'tasks.rw'))).join())
    const port = node.reopen()
    if (kill % 2 === 0) await port.ensureDevice({}, signal())
    const input = {
      taskUid,
      volumes: uids.map((uid, index) => mountOf(uid, `v${index}`)),
      trees: [{ path: 'secrets', files: { token: String(kill) } }],
    }
    const { sourcePath } = await port.ensureTaskRoot(input, signal())
    expect((await readdir(sourcePath)).toSorted()).toEqual(['secrets', 'v0', 'v1', 'v2'])
    expect(await readFile(join(sourcePath, 'secrets/token'), 'utf8')).toBe(String(kill))
    for (const [index, { file }] of volumes.entries()) {
      expect(await readFile(join(sourcePath, `v${index}/folder/precious`), 'utf8')).toBe('data')
      expect(await readFile(file, 'utf8')).toBe('data')
    }
    if (kill % 3 === 2) await port.removeTaskRoot({ taskUid }, signal())
  }
  const port = node.reopen()
  await port.removeTaskRoot({ taskUid }, signal())
  await port.ensureDevice({}, signal())
  const mounts = (await readMounts()).map(({ mountPoint }) => mountPoint)
  const { runDir } = node.host
  const own = mounts.filter((path) => isWithin(path, runDir)).toSorted()
  expect(own).toEqual([join(runDir, 'tasks'), join(runDir, 'tasks.rw')])
  expect(await readdir(join(runDir, 'tasks'))).toEqual(['.stage'])
  for (const { file } of volumes) expect(await readFile(file, 'utf8')).toBe('data')
  // Kills that always found the same state would have shown nothing.
  expect(states.size).toBeGreaterThan(1)
}, 120_000)

/** A mount or umount that a killed driver had started ends by itself. */
async function untilIdle(node: VolumeNode): Promise<void> {
  await until(
    async () => {
      const { stdout } = await run('ps', ['axe', '-o', 'args'], { signal: signal() })
      return !stdout
        .split('\n')
        .some((line) => /^u?mount /.test(line) && line.includes(node.host.runDir))
    },
    { deadlineMs: 5_000, everyMs: 20, what: 'mount programs of the killed driver end' },
  )
}
