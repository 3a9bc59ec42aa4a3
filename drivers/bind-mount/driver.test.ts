import { mkdir, readFile, rename, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { volumeHostConformance } from '@polis/hal/volume-host/conformance'
import { run } from '@polis/lib/run'
import { newUid } from '@polis/lib/uid'
import { openTestDriverHost } from '@polis/test/driver-host'
import { expect, onTestFinished, test } from 'vitest'
import { bindMountDriver } from './driver.ts'
import { readMounts } from './mountinfo.ts'
import { startShell } from './shell-task.ts'
import { unmountAll, VolumeNode } from './volume-node.ts'

const signal = (): AbortSignal => AbortSignal.timeout(20_000)

volumeHostConformance(async () => {
  const node = await VolumeNode.open(await openTestDriverHost())
  return {
    port: node.port,
    addFolder: () => node.addFolder(),
    forbiddenPaths: () => node.forbiddenPaths(),
    missingPath: node.missingPath,
    startTask: startShell,
    reboot: () => node.reboot(),
    [Symbol.asyncDispose]: () => node[Symbol.asyncDispose](),
  }
})

async function openNode(parameters: Readonly<Record<string, unknown>> = {}): Promise<VolumeNode> {
  const node = await VolumeNode.open(await openTestDriverHost(), parameters)
  onTestFinished(() => node[Symbol.asyncDispose]())
  await node.port.ensureDevice({}, signal())
  return node
}

async function ensureRoot(
  node: VolumeNode,
  taskUid: string,
  volumes: Readonly<Record<string, string>>,
  secrets: Readonly<Record<string, string>> = {},
): Promise<string> {
  const mounts = Object.entries(volumes).map(([name, volumeUid]) => ({
    name,
    volumeUid,
    readOnly: false,
  }))
  const trees = [{ path: 'secrets', files: { ...secrets } }]
  const input = { taskUid, volumes: mounts, trees }
  return (await node.port.ensureTaskRoot(input, signal())).sourcePath
}

test('wrong parameters are refused with their paths', async () => {
  const device = { uid: newUid(), name: 'v', parameters: { allowedRoots: ['srv'], colour: 1 } }
  await using host = await openTestDriverHost()
  const open = async (): Promise<unknown> => bindMountDriver().open(device, host)
  await expect(open()).rejects.toMatchObject({
    code: 'InvalidArgument',
    problems: [{ path: 'parameters.allowedRoots.0' }, { path: 'parameters' }],
  })
})

test('a folder exchanged for a link after it was checked is not mounted', async () => {
  const node = await openNode()
  const path = await node.addFolder()
  const uid = newUid()
  await node.port.ensureVolume({ uid, path }, signal())
  await rename(path, `${path}.moved`)
  await symlink('/etc', path)
  await expect(ensureRoot(node, newUid(), { files: uid })).rejects.toMatchObject({
    code: 'PermissionDenied',
  })
})

test("Polis' own folders cannot be volumes, even below an allowed root", async () => {
  const node = await openNode({ allowedRoots: ['/'] })
  for (const path of ['/', node.host.dataDir, join(node.host.dataDir, 'volumes'), '/tmp']) {
    const ensuring = node.port.ensureVolume({ uid: newUid(), path }, signal())
    await expect(ensuring).rejects.toMatchObject({ code: 'PermissionDenied' })
  }
})

test('a folder with another file system below it is refused as a volume', async () => {
  const node = await openNode()
  const path = await node.addFolder()
  await mkdir(join(path, 'disk'))
  await run('mount', ['-t', 'tmpfs', 'x', join(path, 'disk')], { signal: signal() })
  const refused = node.port.ensureVolume({ uid: newUid(), path }, signal())
  await expect(refused).rejects.toThrow('disk is mounted below')
  await unmountAll(join(path, 'disk'))
  await node.port.ensureVolume({ uid: newUid(), path }, signal())
})

test('whichever user a program runs as writes into its volume and reads its files', async () => {
  const node = await openNode()
  const uid = newUid()
  await node.port.ensureVolume({ uid }, signal())
  const sourcePath = await ensureRoot(node, newUid(), { files: uid }, { token: 't' })
  await using task = await startShell(sourcePath)
  const asNobody = 'setpriv --reuid 65534 --regid 65534 --clear-groups sh -c'
  await task.run(`${asNobody} 'echo mine > /mnt/files/a && cat /mnt/secrets/token'`)
  expect(await task.read('files/a')).toBe('mine\n')
  const modes = await task.run('stat -L -c %a /mnt/secrets /mnt/secrets/token')
  expect(modes.trim().split('\n')).toEqual(['555', '444'])
})

test('a reader of a file that is replaced finds the old one or the new one, always', async () => {
  const node = await openNode()
  const taskUid = newUid()
  const [before, after] = ['a'.repeat(9_000), 'b'.repeat(9_000)]
  const sourcePath = await ensureRoot(node, taskUid, {}, { token: before })
  await using task = await startShell(sourcePath)
  const reading = task.run(
    'for i in $(seq 300); do head -c 20000 /mnt/secrets/token | md5sum; done | sort | uniq -c',
  )
  for (let index = 0; index < 60; index += 1) {
    await ensureRoot(node, taskUid, {}, { token: index % 2 === 0 ? after : before })
  }
  const sums = (await reading).trim().split('\n')
  expect(sums).toHaveLength(2)
  expect(sums.join()).not.toContain('d41d8cd98f00b204e9800998ecf8427e')
})

test('files that do not fit are refused, and the old ones stay', async () => {
  const node = await openNode({ filesSizeBytes: 64 * 1024 })
  const taskUid = newUid()
  const sourcePath = await ensureRoot(node, taskUid, {}, { token: 'old' })
  await using task = await startShell(sourcePath)
  const large = { token: 'x'.repeat(200_000) }
  await expect(ensureRoot(node, taskUid, {}, large)).rejects.toMatchObject({
    code: 'ResourceExhausted',
  })
  expect(await task.read('secrets/token')).toBe('old')
  await ensureRoot(node, taskUid, {}, { token: 'new' })
  expect(await task.read('secrets/token')).toBe('new')
})

test('who stands in a volume, or has a file of it mapped, is named', async () => {
  const node = await openNode()
  const uid = newUid()
  const { path } = await node.port.ensureVolume({ uid }, signal())
  await run('cp', ['/usr/bin/sleep', join(path, 'sleeper')], { signal: signal() })
  const taskUid = newUid()
  await using task = await startShell(await ensureRoot(node, taskUid, { files: uid }))
  await task.run('cd /mnt/files')
  await expect(ensureRoot(node, taskUid, {})).rejects.toThrow(/files is in use by bash \(pid \d+\)/)
  await task.run('cd /; /mnt/files/sleeper 60 & echo $!')
  await expect(ensureRoot(node, taskUid, {})).rejects.toThrow('sleeper (pid')
  await task.run('kill %1; wait || true')
  await ensureRoot(node, taskUid, {})
})

test('the tmpfs of task roots is mended while tasks run', async () => {
  const node = await openNode()
  const uid = newUid()
  await node.port.ensureVolume({ uid }, signal())
  const taskUid = newUid()
  await using task = await startShell(await ensureRoot(node, taskUid, { files: uid }))
  await task.write('files/a', '1')
  await run('umount', ['--lazy', join(node.host.runDir, 'tasks.rw')], { signal: signal() })
  expect(await node.port.observeDevice({}, signal())).toMatchObject({ isReady: false })
  expect(await node.reopen().ensureDevice({}, signal())).toMatchObject({ isReady: true })
  await ensureRoot(node, taskUid, { files: uid, more: uid }, { token: 't' })
  expect(await task.read('more/a')).toBe('1')
  expect(await task.read('secrets/token')).toBe('t')
})

test('a device with a busy root is not removed; an idle one leaves nothing mounted', async () => {
  const node = await openNode()
  const uid = newUid()
  const { path } = await node.port.ensureVolume({ uid }, signal())
  await using task = await startShell(await ensureRoot(node, newUid(), { files: uid }))
  await task.write('files/a', '1')
  const held = await task.hold('files/a')
  await expect(node.port.removeDevice({}, signal())).rejects.toMatchObject({
    code: 'FailedPrecondition',
  })
  await held.release()
  await node.port.removeDevice({}, signal())
  const left = (await readMounts()).filter((m) => m.mountPoint.startsWith(node.host.runDir))
  expect(left).toEqual([])
  expect(await readFile(join(path, 'a'), 'utf8')).toBe('1')
  await writeFile(join(path, 'b'), '2')
})
