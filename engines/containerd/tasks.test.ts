import { join } from 'node:path'
import { loadStockImages } from '@polis/test/rig/images'
import { useServer } from '@polis/test/rig/suite'
import { beforeAll, describe, expect, it } from 'vitest'
import { listRunningTasks, watchExits } from './tasks.ts'

const server = useServer()
const signal = (): AbortSignal => AbortSignal.timeout(20_000)

let image = ''
beforeAll(async () => {
  image = (await loadStockImages(server, ['debian'])).debian.imageId
}, 600_000)

interface Started {
  readonly id: string
  readonly pid: number
}

async function startContainer(...command: readonly string[]): Promise<Started> {
  const { stdout } = await server.exec('docker', ['run', '--detach', image, ...command])
  const id = stdout.trim()
  const state = await server.exec('docker', ['inspect', '--format', '{{.State.Pid}}', id])
  return { id, pid: Number(state.stdout) }
}

describe('watchExits', () => {
  it('tells of a container that was killed, and not of a program run in it', async () => {
    const { id, pid } = await startContainer('sleep', '1000')
    const exits = (await watchExits(server.containerdSocketPath, signal()))[Symbol.asyncIterator]()
    const before = Date.now()
    await server.exec('docker', ['exec', id, 'true'])
    await server.exec('docker', ['kill', id])
    const next = await exits.next()
    expect(next).toMatchObject({ done: false, value: { containerId: id, pid, exitStatus: 137 } })
    const exitedAt: unknown = next.value?.exitedAt
    expect(Math.abs(Number(exitedAt) - before)).toBeLessThan(5000)
    await exits.return?.()
  }, 20_000)

  it('tells of it while dockerd is down', async () => {
    const { id, pid } = await startContainer('sleep', '1000')
    await server.killDocker('SIGKILL')
    try {
      const exits = (await watchExits(server.containerdSocketPath, signal()))[
        Symbol.asyncIterator
      ]()
      const running = await listRunningTasks(server.containerdSocketPath, signal())
      expect(running).toContainEqual({ containerId: id, pid })
      process.kill(pid, 'SIGKILL')
      const next = await exits.next()
      expect(next.value).toMatchObject({ containerId: id, pid, exitStatus: 137 })
      expect(await listRunningTasks(server.containerdSocketPath, signal())).not.toContainEqual({
        containerId: id,
        pid,
      })
      await exits.return?.()
    } finally {
      await server.startDocker()
    }
  }, 30_000)

  it('misses nothing that ends right after it stands', async () => {
    for (let round = 0; round < 5; round += 1) {
      const { id, pid } = await startContainer('sleep', '1000')
      const exits = (await watchExits(server.containerdSocketPath, signal()))[
        Symbol.asyncIterator
      ]()
      process.kill(pid, 'SIGKILL')
      expect((await exits.next()).value).toMatchObject({ containerId: id })
      await exits.return?.()
    }
  }, 30_000)

  it('ends with the reason of its signal', async () => {
    const stop = new AbortController()
    const exits = await watchExits(server.containerdSocketPath, stop.signal)
    const reason = new Error('enough')
    const read = Array.fromAsync(exits)
    stop.abort(reason)
    await expect(read).rejects.toBe(reason)
    const late = watchExits(server.containerdSocketPath, stop.signal)
    await expect(late).rejects.toBe(reason)
  })

  it('is Unavailable without containerd, and when it goes away', async () => {
    const nowhere = join(server.folder, 'none.sock')
    await expect(watchExits(nowhere, signal())).rejects.toMatchObject({ code: 'Unavailable' })
    await expect(listRunningTasks(nowhere, signal())).rejects.toMatchObject({ code: 'Unavailable' })
    const read = Array.fromAsync(await watchExits(server.containerdSocketPath, signal()))
    await Promise.all([
      expect(read).rejects.toMatchObject({ code: 'Unavailable' }),
      server.killContainerd('SIGKILL'),
    ])
    await server.startContainerd()
  }, 20_000)
})
