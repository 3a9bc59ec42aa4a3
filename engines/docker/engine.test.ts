// Containers, programs in them, images and events on a real engine.
import { randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { loadStockImages } from '@polis/test/rig/images'
import { useServer } from '@polis/test/rig/suite'
import { pack } from 'tar-stream'
import { beforeAll, describe, expect, it } from 'vitest'
import { buildImage } from './build.ts'
import { DockerClient } from './client.ts'
import { containerLogs } from './container-logs.ts'
import type { ContainerSpec } from './container-spec.ts'
import {
  ensureContainer,
  findContainer,
  getContainer,
  listContainers,
  removeContainer,
  stopContainer,
  untilContainerReady,
} from './containers.ts'
import { watchEvents } from './events.ts'
import { exec, startExec } from './exec.ts'
import {
  findImage,
  getImage,
  loadImages,
  pullImage,
  removeImage,
  saveImages,
  tagImage,
} from './images.ts'

const server = useServer()
const docker = new DockerClient({ socketPath: server.dockerSocketPath })
const signal = (): AbortSignal => AbortSignal.timeout(20_000)
const OWNER = { 'polis.installation': 'a' }
const CACHED_OR_BUILT_MS = 600_000

let image = ''
beforeAll(async () => {
  image = (await loadStockImages(server, ['debian'])).debian.imageId
}, CACHED_OR_BUILT_MS)

const sleeping = (): ContainerSpec => ({ image, command: ['sleep', '1000'], stopSignal: 'SIGKILL' })

async function untilEnded(name: string): Promise<void> {
  const isRunning = async (): Promise<boolean> =>
    (await getContainer(docker, name, signal())).isRunning
  await expect.poll(isRunning, { timeout: 5000 }).toBe(false)
}

describe('ensureContainer', () => {
  it('makes, keeps, restarts and replaces a container', async () => {
    const spec = { ...sleeping(), env: { A: '1' }, labels: { role: 'x' } }
    const made = await ensureContainer(docker, 'kept', OWNER, spec, signal())
    expect(made).toMatchObject({ name: 'kept', status: 'running', isRunning: true, imageId: image })
    expect(made.labels).toMatchObject({ ...OWNER, role: 'x' })
    expect(made.addresses['bridge']).toMatch(/^172\./)
    const again = await ensureContainer(docker, 'kept', OWNER, spec, signal())
    expect([again.id, again.pid]).toEqual([made.id, made.pid])
    await stopContainer(docker, 'kept', 1, signal())
    await stopContainer(docker, 'kept', 1, signal())
    expect(await getContainer(docker, 'kept', signal())).toMatchObject({ isRunning: false, pid: 0 })
    const restarted = await ensureContainer(docker, 'kept', OWNER, spec, signal())
    expect(restarted).toMatchObject({ id: made.id, isRunning: true })
    const replaced = await ensureContainer(
      docker,
      'kept',
      OWNER,
      { ...spec, env: { A: '2' } },
      signal(),
    )
    expect(replaced.id).not.toBe(made.id)
    expect(await listContainers(docker, OWNER, signal())).toMatchObject([{ id: replaced.id }])
    await removeContainer(docker, 'kept', signal())
    await removeContainer(docker, 'kept', signal())
    expect(await findContainer(docker, 'kept', signal())).toBeUndefined()
  }, 20_000)

  it("does not touch someone else's container of the same name", async () => {
    const theirs = await ensureContainer(docker, 'theirs', { owner: 'b' }, sleeping(), signal())
    const taken = ensureContainer(docker, 'theirs', OWNER, sleeping(), signal())
    await expect(taken).rejects.toMatchObject({ code: 'AlreadyExists', path: 'theirs' })
    expect(await getContainer(docker, 'theirs', signal())).toMatchObject({
      id: theirs.id,
      isRunning: true,
    })
    await removeContainer(docker, 'theirs', signal())
  })

  it('gives mounts, a port and limits', async () => {
    const port = { containerPort: 80, hostAddress: '127.0.0.1', hostPort: 0 }
    const made = await ensureContainer(
      docker,
      'full',
      OWNER,
      {
        ...sleeping(),
        memoryBytes: 64 * 1024 * 1024,
        mounts: [
          { type: 'volume', source: 'full-volume', target: '/volume' },
          {
            type: 'bind',
            source: '/etc',
            target: '/host-etc',
            isReadOnly: true,
            propagation: 'rslave',
          },
        ],
        publish: [port],
      },
      signal(),
    )
    expect(made.published['80/tcp']).toMatchObject([{ hostAddress: '127.0.0.1' }])
    const command = ['sh', '-c', 'touch /volume/x && cat /host-etc/hostname && ! touch /host-etc/x']
    const { stdout, exitCode } = await exec(docker, 'full', { command }, signal())
    expect([stdout.trim(), exitCode]).toEqual([server.name, 0])
    await removeContainer(docker, 'full', signal())
  })

  it('says NotFound for an image the engine does not have', async () => {
    const spec = { ...sleeping(), image: `sha256:${'0'.repeat(64)}` }
    const made = ensureContainer(docker, 'none', OWNER, spec, signal())
    await expect(made).rejects.toMatchObject({ code: 'NotFound' })
  })
})

describe('untilContainerReady', () => {
  it('tells the last words of one that ended', async () => {
    const spec = { image, command: ['sh', '-c', 'echo no disk >&2; exit 7'] }
    await ensureContainer(docker, 'ended', OWNER, spec, signal())
    await untilEnded('ended')
    const ready = untilContainerReady(docker, 'ended', 5000, signal())
    await expect(ready).rejects.toMatchObject({
      code: 'FailedPrecondition',
      message: 'ended ended (7): no disk',
    })
    await removeContainer(docker, 'ended', signal())
  })
})

describe('exec', () => {
  beforeAll(async () => {
    await ensureContainer(docker, 'box', OWNER, sleeping(), signal())
  })

  it('gives both outputs, the exit code and the environment', async () => {
    const command = ['sh', '-c', 'echo "$SECRET"; id -un >&2; exit 3']
    const spec = { command, env: { SECRET: 's' }, user: 'nobody' }
    const result = await exec(docker, 'box', spec, signal())
    expect(result).toEqual({ exitCode: 3, stdout: 's\n', stderr: 'nobody\n' })
  })

  it('carries a megabyte in and out unchanged', async () => {
    const bytes = randomBytes(1024 * 1024)
    const session = await startExec(docker, 'box', { command: ['cat'] }, signal())
    session.input.end(bytes)
    const frames = await Array.fromAsync(session.output)
    expect(Buffer.concat(frames.map((frame) => frame.bytes)).equals(bytes)).toBe(true)
    expect(await session.exitCode(signal())).toBe(0)
  })

  it('survives a program that does not read its input', async () => {
    const input = randomBytes(4 * 1024 * 1024)
    const result = await exec(docker, 'box', { command: ['echo', 'done'], input }, signal())
    expect(result).toMatchObject({ exitCode: 0, stdout: 'done\n' })
  })

  it('is cut by its signal', async () => {
    const stop = new AbortController()
    const reason = new Error('enough')
    const session = await startExec(docker, 'box', { command: ['sleep', '1000'] }, stop.signal)
    stop.abort(reason)
    await expect(Array.fromAsync(session.output)).rejects.toBe(reason)
  })

  it('refuses a container that is not there or does not run', async () => {
    const spec = { command: ['true'] }
    await expect(exec(docker, 'nobody', spec, signal())).rejects.toMatchObject({ code: 'NotFound' })
    await ensureContainer(docker, 'idle', OWNER, { image, command: ['true'] }, signal())
    await untilEnded('idle')
    const idle = exec(docker, 'idle', spec, signal())
    await expect(idle).rejects.toMatchObject({ code: 'FailedPrecondition' })
  })
})

describe('containerLogs', () => {
  it('follows what a container writes, stdout and stderr apart', async () => {
    const command = ['sh', '-c', 'echo one; sleep 0.2; echo two >&2']
    await ensureContainer(docker, 'talks', OWNER, { image, command }, signal())
    const frames = await Array.fromAsync(
      await containerLogs(docker, 'talks', { isFollowed: true }, signal()),
    )
    expect(frames.map(({ stream, bytes }) => [stream, bytes.toString()])).toEqual([
      ['stdout', 'one\n'],
      ['stderr', 'two\n'],
    ])
  })
})

describe('images', () => {
  it('are tagged, saved, removed and loaded', async () => {
    const reference = { repository: 'test/copy', tag: '1' }
    await tagImage(docker, image, reference, signal())
    const archive = await buffer(await saveImages(docker, ['test/copy:1'], signal()))
    await removeImage(docker, 'test/copy:1', signal())
    await removeImage(docker, 'test/copy:1', signal())
    expect(await findImage(docker, 'test/copy:1', signal())).toBeUndefined()
    await loadImages(docker, Readable.from([archive]), signal())
    expect(await getImage(docker, 'test/copy:1', signal())).toMatchObject({ id: image })
  }, 30_000)

  it('are built, with labels, arguments and the lines of the build', async () => {
    const context = pack()
    context.entry({ name: 'Dockerfile' }, 'FROM polis/debian:12\nARG WHO\nRUN echo "hello $WHO"\n')
    context.finalize()
    const lines: string[] = []
    const options = { tags: ['test/a:1', 'test/b:1'], labels: { l: 'v' }, args: { WHO: 'you' } }
    const id = await buildImage(
      docker,
      Readable.from(context),
      options,
      (l) => lines.push(l),
      signal(),
    )
    expect(lines).toContain('hello you')
    expect(await getImage(docker, 'test/b:1', signal())).toMatchObject({ id, labels: { l: 'v' } })
  })

  it('whose step fails are InvalidArgument', async () => {
    const context = pack()
    context.entry({ name: 'Dockerfile' }, 'FROM polis/debian:12\nRUN exit 9\n')
    context.finalize()
    const built = buildImage(
      docker,
      Readable.from(context),
      { tags: [] },
      () => undefined,
      signal(),
    )
    await expect(built).rejects.toMatchObject({ code: 'InvalidArgument', message: /code: 9/ })
  })

  it('that no registry answers for are Unavailable', async () => {
    const pulled = pullImage(docker, '127.0.0.1:1/nothing:1', {}, signal())
    await expect(pulled).rejects.toMatchObject({ code: 'Unavailable' })
  })
})

describe('watchEvents', () => {
  it('tells what happens from then on, and that the engine is gone', async () => {
    const filter = { types: ['container'], actions: ['die'], labels: ['seen=yes'] }
    const events = (await watchEvents(docker, filter, signal()))[Symbol.asyncIterator]()
    const spec = { image, command: ['sh', '-c', 'exit 4'], labels: { seen: 'yes' } }
    const { id } = await ensureContainer(docker, 'dies', OWNER, spec, signal())
    expect(await events.next()).toMatchObject({
      value: { type: 'container', action: 'die', id, attributes: { exitCode: '4', name: 'dies' } },
    })
    const next = events.next()
    await Promise.all([
      expect(next).rejects.toMatchObject({ code: 'Unavailable' }),
      server.restartDocker(),
    ])
    await docker.ping(signal())
  }, 30_000)
})
