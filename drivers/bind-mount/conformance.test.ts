// The exam with tasks in real containers: what the engine makes of a bind is what counts.
import { volumeHostContract } from '@polis/hal/volume-host'
import { volumeHostConformance } from '@polis/hal/volume-host/conformance'
import { newUid } from '@polis/lib/uid'
import { until } from '@polis/lib/until'
import { FarDevice } from '@polis/test/rig/far-device'
import { loadStockImages } from '@polis/test/rig/images'
import { useServer } from '@polis/test/rig/suite'
import { describe, expect, onTestFinished, test } from 'vitest'
import { ShellTask } from './shell-task.ts'

const signal = (): AbortSignal => AbortSignal.timeout(20_000)

describe('with tasks in containers', () => {
  const server = useServer()
  const allowed = '/var/lib/polis/allowed'
  const device = new FarDevice(server, {
    driver: 'bind-mount',
    contract: volumeHostContract,
    parameters: { allowedRoots: [allowed] },
  })

  async function prepare(): Promise<void> {
    await server.exec('mkdir', ['-p', allowed])
  }

  async function startContainer(sourcePath: string, isReadOnly = false): Promise<ShellTask> {
    const options = 'target=/polis,bind-propagation=rslave'
    const mount = `type=bind,source=${sourcePath},${options}${isReadOnly ? ',readonly' : ''}`
    const args = ['run', '--detach', '--mount', mount, 'polis/debian:12', 'sleep', 'infinity']
    const id = (await server.exec('docker', args)).stdout.trim()
    return ShellTask.start({
      command: [...server.enterCommand, 'docker', 'exec', '-i', id, 'bash'],
      polisDir: '/polis',
      onClose: async () => void (await server.exec('docker', ['rm', '--force', id])),
    })
  }

  volumeHostConformance(async () => {
    await loadStockImages(server, ['debian'])
    await prepare()
    return {
      port: device.port,
      addFolder: async () => {
        const path = `${allowed}/${newUid()}`
        await server.exec('mkdir', [path])
        await server.exec('tee', [`${path}/greeting`], { input: 'hello' })
        return path
      },
      forbiddenPaths: async () => {
        await server.exec('ln', ['-sfn', '/etc', `${allowed}/link`])
        return ['/etc', '/', device.dataDir, `${allowed}/../data`, `${allowed}/link`, `${allowed}x`]
      },
      missingPath: `${allowed}/missing`,
      startTask: (sourcePath) => startContainer(sourcePath),
      reboot: async () => {
        await device.kill()
        await server.powerOff()
        await server.powerOn()
        await prepare()
      },
      [Symbol.asyncDispose]: () => device[Symbol.asyncDispose](),
    }
  })

  test('a volume appears in a container within 2 s, after which a kill of the agent changes nothing', async () => {
    const { port } = device
    await port.ensureDevice({}, signal())
    const [taskUid, volumeUid] = [newUid(), newUid()]
    await port.ensureVolume({ uid: volumeUid }, signal())
    const { sourcePath } = await port.ensureTaskRoot({ taskUid, volumes: [], trees: [] }, signal())
    const task = await startContainer(sourcePath)
    onTestFinished(() => task[Symbol.asyncDispose]())
    const volumes = [{ name: 'files', volumeUid, readOnly: false }]
    const begunMs = performance.now()
    await port.ensureTaskRoot({ taskUid, volumes, trees: [] }, signal())
    await task.write('files/a', '1')
    expect(performance.now() - begunMs).toBeLessThan(2_000)
    await device.kill()
    await task.write('files/b', '2')
    await port.ensureTaskRoot({ taskUid, volumes, trees: [] }, signal())
    expect(await task.read('files/a')).toBe('1')
    await port.ensureTaskRoot({ taskUid, volumes: [], trees: [] }, signal())
    expect(await task.read('files/a')).toBeUndefined()
  })

  test('a bind that the engine itself makes read-only leaves writable volumes writable', async () => {
    const { port } = device
    const [taskUid, volumeUid] = [newUid(), newUid()]
    await port.ensureVolume({ uid: volumeUid }, signal())
    const volumes = [{ name: 'files', volumeUid, readOnly: false }]
    const { sourcePath } = await port.ensureTaskRoot({ taskUid, volumes, trees: [] }, signal())
    const task = await startContainer(sourcePath, true)
    onTestFinished(() => task[Symbol.asyncDispose]())
    await task.write('files/a', '1')
    expect(await task.read('files/a')).toBe('1')
  })

  test('a container that was killed lets go of its volumes', async () => {
    const { port } = device
    const [taskUid, volumeUid] = [newUid(), newUid()]
    await port.ensureVolume({ uid: volumeUid }, signal())
    const volumes = [{ name: 'files', volumeUid, readOnly: false }]
    const { sourcePath } = await port.ensureTaskRoot({ taskUid, volumes, trees: [] }, signal())
    {
      await using task = await startContainer(sourcePath)
      await task.write('files/a', '1')
      await task.hold('files/a')
      await expect(port.removeTaskRoot({ taskUid }, signal())).rejects.toThrow(
        /bash \(pid \d+, container [0-9a-f]{12}\)/,
      )
    }
    const removed = async (): Promise<boolean> => {
      await port.removeTaskRoot({ taskUid }, signal())
      return true
    }
    expect(await until(removed, { deadlineMs: 5_000, what: 'the root is removed' })).toBe(true)
    await port.purgeVolume({ uid: volumeUid }, signal())
  })
})
