import { isDeepStrictEqual } from 'node:util'
import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import type { BuilderPort, BuildRequest } from '@polis/hal/builder'
import { builderConformance } from '@polis/hal/builder/conformance'
import { PolisError } from '@polis/lib/error'
import { until } from '@polis/lib/until'
import { newUid } from '@polis/lib/uid'
import { openTestDriverHost, type TestDriverHost } from '@polis/test/driver-host'
import { EXAM_IMAGE, loadExamImage } from '@polis/test/rig/exam-image'
import { useServer } from '@polis/test/rig/suite'
import { pack } from 'tar-stream'
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { dockerDriver } from './driver.ts'

const BASE = `${EXAM_IMAGE.repository}:${EXAM_IMAGE.tag}`
const signal = (): AbortSignal => AbortSignal.timeout(60_000)

async function addContext(
  host: TestDriverHost,
  files: Readonly<Record<string, string>>,
): Promise<string> {
  const tar = pack()
  // Without a time of its own, so that the engine's cache knows the same file again.
  for (const [name, text] of Object.entries(files)) tar.entry({ name, mtime: new Date(0) }, text)
  tar.finalize()
  const bytes = await buffer(Readable.from(tar))
  const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`
  host.addBlob(digest, bytes)
  return digest
}

describe('Docker as a builder', () => {
  const server = useServer()

  const listOf = async (...args: readonly string[]): Promise<readonly string[]> =>
    (await server.exec('docker', [...args, '--quiet', '--no-trunc'])).stdout
      .split('\n')
      .filter((line) => line !== '')
      .toSorted()

  function openDevice(
    host: TestDriverHost,
    parameters: Readonly<Record<string, unknown>> = {},
  ): BuilderPort {
    const { dockerSocketPath } = server
    return dockerDriver({ dockerSocketPath }).open({ uid: 'd1', name: 'builder', parameters }, host)
  }

  beforeAll(async () => void (await loadExamImage(server)), 180_000)

  builderConformance(async () => {
    const host = await openTestDriverHost()
    let users = 0
    return {
      port: openDevice(host),
      baseImage: BASE,
      addContext: (files) => addContext(host, files),
      lostDigest: `sha256:${'0'.repeat(64)}`,
      countContainers: async () => (await listOf('ps', '--all')).length - users,
      useImage: async (imageId) => {
        const args = ['run', '--detach', '--network', 'none', imageId, 'sleep', '600']
        const { stdout } = await server.exec('docker', args)
        users += 1
        return async () => {
          await server.exec('docker', ['rm', '--force', stdout.trim()])
          users -= 1
        }
      },
      [Symbol.asyncDispose]: () => host[Symbol.asyncDispose](),
    }
  })

  async function openHost(): Promise<TestDriverHost> {
    const host = await openTestDriverHost()
    onTestFinished(() => host[Symbol.asyncDispose]())
    return host
  }

  async function build(
    port: BuilderPort,
    contextDigest: string,
    change: Partial<BuildRequest> = {},
  ): Promise<{ log: string; imageId: string; error: PolisError | undefined }> {
    const uid = newUid()
    const limits = { memoryBytes: 256 * 1024 * 1024, cpus: 1 }
    const place = { contextDigest, contextPath: '.', dockerfile: 'Dockerfile' }
    const request = { uid, ...place, buildArgs: {}, tag: `test/${uid}:1`, limits, ...change }
    const log: string[] = []
    let imageId = ''
    try {
      for await (const progress of port.build(request, signal())) {
        if (progress.type === 'log') log.push(progress.text)
        else imageId = progress.imageId
      }
    } catch (error) {
      if (!(error instanceof PolisError)) throw error
      return { log: log.join('\n'), imageId, error }
    }
    return { log: log.join('\n'), imageId, error: undefined }
  }

  test('an image carries the labels of its installation, device and object', async () => {
    const host = await openHost()
    const digest = await addContext(host, { Dockerfile: `FROM ${BASE}\nLABEL mine=1\n` })
    const uid = newUid()
    const { imageId } = await build(openDevice(host), digest, { uid })
    const format = '{{json .Config.Labels}}'
    const { stdout } = await server.exec('docker', ['inspect', '--format', format, imageId])
    expect(JSON.parse(stdout)).toEqual({
      mine: '1',
      'polis.device': 'd1',
      'polis.image': uid,
      'polis.installation': host.installationUid,
    })
    const other = openDevice(await openHost())
    expect(await other.listImages({}, signal())).toEqual({ images: [] })
    await expect(other.removeImage({ imageId }, signal())).rejects.toMatchObject({
      code: 'FailedPrecondition',
    })
  })

  test('a build that fails, is aborted, or whose process was killed leaves no layer', async () => {
    const host = await openHost()
    const before = await listOf('images', '--all')
    // On a busy host the engine may still hold a layer when it is asked to drop it: the next look does it then.
    const untilClean = (): Promise<true> =>
      until(
        async () => {
          await openDevice(host).ensureDevice({}, signal())
          return isDeepStrictEqual(await listOf('images', '--all'), before)
        },
        { deadlineMs: 20_000, everyMs: 200, what: 'no layer of the build' },
      )
    const word = newUid()
    const head = `FROM ${BASE}\nENV A=${word}\nRUN echo ${word} > /tmp/a\nCOPY Dockerfile /tmp/\n`
    const failing = await addContext(host, { Dockerfile: `${head}RUN exit 4\n` })
    const failed = await build(openDevice(host), failing)
    expect(failed.error?.message).toContain('returned a non-zero code: 4')
    expect(failed.error?.message).toContain(`RUN echo ${word}`)
    await untilClean()
    const sleeping = await addContext(host, { Dockerfile: `${head}RUN sleep 60\n` })
    const limits = { memoryBytes: 256 * 1024 * 1024, cpus: 1 }
    const place = { contextDigest: sleeping, contextPath: '.', dockerfile: 'Dockerfile' }
    const request = { uid: newUid(), ...place, buildArgs: {}, tag: 'test/aborted:1', limits }
    for await (const progress of openDevice(host).build(request, signal())) {
      if (progress.type === 'log' && progress.text.includes('RUN sleep')) break
    }
    await untilClean()
    // The notes of a killed process are all that the next one has.
    const running = openDevice(host).build(request, signal())[Symbol.asyncIterator]()
    let isSleeping = false
    for (let step = await running.next(); step.done !== true; step = await running.next()) {
      const text = step.value.type === 'log' ? step.value.text : ''
      if (isSleeping && text.includes('Running in')) break
      isSleeping ||= text.includes('RUN sleep')
    }
    expect((await listOf('images', '--all')).length).toBeGreaterThan(before.length)
    await server.killDocker('SIGKILL')
    await server.startDocker()
    await openDevice(host).ensureDevice({}, signal())
    expect(await listOf('ps', '--all')).toEqual([])
    await untilClean()
    await expect(running.next()).rejects.toMatchObject({ code: 'Unavailable' })
  }, 60_000)

  test('a failed build takes nothing from a good one that shares its layers', async () => {
    const host = await openHost()
    const word = newUid()
    const head = `FROM ${BASE}\nRUN echo ${word} > /tmp/a\n`
    const good = await addContext(host, { Dockerfile: `${head}ENV B=1\n` })
    const { imageId } = await build(openDevice(host), good)
    const bad = await addContext(host, { Dockerfile: `${head}RUN exit 1\n` })
    const failed = await build(openDevice(host), bad)
    expect(failed.log).toContain('Using cache')
    const args = ['run', '--rm', '--network', 'none', imageId, 'cat', '/tmp/a']
    expect((await server.exec('docker', args)).stdout.trim()).toBe(word)
    const again = await build(openDevice(host), good)
    expect(again.log).toContain('Using cache')
  })

  test('a step that takes more memory than it may ends the build, and says why', async () => {
    const host = await openHost()
    const hungry = 'RUN x=0123456789; while true; do x="$x$x"; done'
    const digest = await addContext(host, { Dockerfile: `FROM ${BASE}\n${hungry}\n` })
    const { error } = await build(openDevice(host), digest, {
      limits: { memoryBytes: 64 * 1024 * 1024, cpus: 1 },
    })
    expect(error).toMatchObject({ code: 'ResourceExhausted' })
    expect(error?.hint).toContain('memory')
  }, 60_000)

  test('a missing base image is told at once where none may be fetched', async () => {
    const host = await openHost()
    const digest = await addContext(host, { Dockerfile: 'ARG V=1\nFROM nowhere/none:$V\n' })
    const begunMs = performance.now()
    const { error } = await build(openDevice(host, { pull: 'never' }), digest)
    expect(error).toMatchObject({ code: 'NotFound' })
    expect(error?.message).toContain('nowhere/none:1')
    expect(performance.now() - begunMs).toBeLessThan(1_000)
  })

  test('a context that tries to lead out is refused before anything is built', async () => {
    const host = await openHost()
    const digest = await addContext(host, { Dockerfile: `FROM ${BASE}\n`, '../evil': 'x' })
    expect((await build(openDevice(host), digest)).error).toMatchObject({ code: 'InvalidArgument' })
    const good = await addContext(host, { Dockerfile: `FROM ${BASE}\n` })
    for (const change of [{ contextPath: '..' }, { dockerfile: '../Dockerfile' }]) {
      const { error } = await build(openDevice(host), good, change)
      expect(error).toMatchObject({ code: 'InvalidArgument' })
    }
  })

  test('an engine that is away is told as such', async () => {
    const host = await openHost()
    const digest = await addContext(host, { Dockerfile: `FROM ${BASE}\n` })
    await server.killDocker('SIGTERM')
    onTestFinished(() => server.startDocker())
    const device = openDevice(host)
    expect((await build(device, digest)).error).toMatchObject({ code: 'Unavailable' })
    expect(await device.observeDevice({}, signal())).toMatchObject({ isReady: false })
    await expect(device.ensureDevice({}, signal())).rejects.toMatchObject({ code: 'Unavailable' })
  }, 60_000)
})
