import { PolisError } from '@polis/lib/error'
import { newUid } from '@polis/lib/uid'
import { until } from '@polis/lib/until'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { BuilderPort, BuildRequest } from './class.ts'
import { codeOf } from '../code-of.ts'

/** A builder and the world around it, for the suite. */
export interface BuilderExam extends AsyncDisposable {
  readonly port: BuilderPort
  /** An image that is on the node, with a shell. */
  readonly baseImage: string
  /** Keeps a context (path in the tar to content) and gives its digest. */
  addContext(files: Readonly<Record<string, string>>): Promise<string>
  /** A digest of a context that nobody has. */
  readonly lostDigest: string
  /** How many containers of builds there are. */
  countContainers(): Promise<number>
  /** Keeps the image in use until the returned function is called. */
  useImage(imageId: string): Promise<() => Promise<void>>
}

type Current = () => BuilderExam

const signal = (): AbortSignal => AbortSignal.timeout(60_000)

/** The contract of the builder class. A driver that fails one of these is not a builder. */
export function builderConformance(open: () => Promise<BuilderExam>): void {
  describe('builder class', { timeout: 90_000 }, () => {
    let exam: BuilderExam
    beforeAll(async () => {
      exam = await open()
      await exam.port.ensureDevice({}, AbortSignal.timeout(120_000))
    }, 300_000)
    afterAll(() => exam[Symbol.asyncDispose](), 120_000)
    const current = (): BuilderExam => exam

    buildTests(current)
    failureTests(current)
    abortTests(current)
    imageTests(current)
  })
}

function requestOf(contextDigest: string, change: Partial<BuildRequest> = {}): BuildRequest {
  const uid = newUid()
  return {
    uid,
    contextDigest,
    contextPath: '.',
    dockerfile: 'Dockerfile',
    buildArgs: {},
    tag: `conformance/${uid}:1`,
    limits: { memoryBytes: 512 * 1024 * 1024, cpus: 1 },
    ...change,
  }
}

interface Outcome {
  readonly log: string
  readonly imageId: string
}

async function build({ port }: BuilderExam, request: BuildRequest): Promise<Outcome> {
  const lines: string[] = []
  const imageIds: string[] = []
  for await (const progress of port.build(request, signal())) {
    if (progress.type === 'log') lines.push(progress.text)
    else imageIds.push(progress.imageId)
  }
  expect(imageIds).toHaveLength(1)
  return { log: lines.join('\n'), imageId: imageIds[0] ?? '' }
}

async function failureOf(exam: BuilderExam, request: BuildRequest): Promise<PolisError> {
  try {
    await build(exam, request)
  } catch (error) {
    if (error instanceof PolisError) return error
    throw error
  }
  throw new Error('the build succeeded')
}

function buildTests(current: Current): void {
  test('a Dockerfile becomes an image with an id, and its log is told line by line', async () => {
    const { baseImage, port } = current()
    const digest = await current().addContext({
      Dockerfile: `FROM ${baseImage}\nRUN echo first-words\nRUN echo last-words\n`,
    })
    const request = requestOf(digest)
    const { log, imageId } = await build(current(), request)
    expect(imageId).toMatch(/^sha256:[0-9a-f]{64}$/)
    expect(log).toContain('first-words')
    expect(log).toContain('last-words')
    for (const line of log.split('\n')) expect(line).not.toMatch(/[\r\n]/)
    const { images } = await port.listImages({}, signal())
    expect(images.find(({ uid }) => uid === request.uid)?.imageId).toBe(imageId)
  })

  test('context path, Dockerfile, target and arguments are those asked for', async () => {
    const { baseImage } = current()
    const lines = [
      `FROM ${baseImage} AS first`,
      'ARG WORD',
      'RUN echo said-$WORD',
      'FROM first AS second',
      'RUN echo in-second-stage',
    ]
    const digest = await current().addContext({
      'parts/web/build/web.Dockerfile': `${lines.join('\n')}\n`,
      Dockerfile: 'nonsense',
    })
    const { log } = await build(
      current(),
      requestOf(digest, {
        contextPath: 'parts/web',
        dockerfile: 'build/web.Dockerfile',
        target: 'first',
        buildArgs: { WORD: 'spoken' },
      }),
    )
    expect(log).toContain('said-spoken')
    expect(log).not.toContain('in-second-stage')
  })
}

function failureTests(current: Current): void {
  test('a step that fails is told with the last lines of the log', async () => {
    const { baseImage } = current()
    const digest = await current().addContext({
      Dockerfile: `FROM ${baseImage}\nRUN echo before-the-end\nRUN exit 3\n`,
    })
    const request = requestOf(digest)
    const error = await failureOf(current(), request)
    expect(error.code).toBe('InvalidArgument')
    expect(error.message).toContain('exit 3')
    const { images } = await current().port.listImages({}, signal())
    expect(images.map(({ uid }) => uid)).not.toContain(request.uid)
    expect(await current().countContainers()).toBe(0)
  })

  test('a Dockerfile that is missing, wrong, or lacks the stage is an invalid argument', async () => {
    const { baseImage } = current()
    const empty = await current().addContext({ readme: 'x' })
    expect((await failureOf(current(), requestOf(empty))).code).toBe('InvalidArgument')
    const wrong = await current().addContext({ Dockerfile: `FROM ${baseImage}\nNONSENSE x\n` })
    expect((await failureOf(current(), requestOf(wrong))).code).toBe('InvalidArgument')
    const good = await current().addContext({ Dockerfile: `FROM ${baseImage} AS a\n` })
    const absentStage = requestOf(good, { target: 'b' })
    expect((await failureOf(current(), absentStage)).code).toBe('InvalidArgument')
  })

  test('a context or base image that is not to be had is not found', async () => {
    const lost = await failureOf(current(), requestOf(current().lostDigest))
    expect(lost.code).toBe('NotFound')
    const digest = await current().addContext({
      Dockerfile: 'FROM localhost:1/missing-base:1\nRUN echo x\n',
    })
    expect((await failureOf(current(), requestOf(digest))).code).toBe('NotFound')
  })
}

function abortTests(current: Current): void {
  test('aborting ends the build and leaves no container', async () => {
    const { baseImage, port } = current()
    const digest = await current().addContext({
      Dockerfile: `FROM ${baseImage}\nRUN sleep 600\n`,
    })
    const ending = new AbortController()
    const request = requestOf(digest)
    const building = (async () => {
      for await (const progress of port.build(request, ending.signal)) {
        if (progress.type === 'log' && progress.text.includes('sleep')) {
          ending.abort()
        }
      }
    })()
    expect(await codeOf(building)).not.toBe('no error')
    await until(async () => (await current().countContainers()) === 0, {
      deadlineMs: 20_000,
      what: 'no container of the build',
    })
    const { images } = await port.listImages({}, signal())
    expect(images.map(({ uid }) => uid)).not.toContain(request.uid)
  })

  test('leaving the stream ends the build too', async () => {
    const { baseImage, port } = current()
    const digest = await current().addContext({ Dockerfile: `FROM ${baseImage}\nRUN sleep 600\n` })
    for await (const progress of port.build(requestOf(digest), signal())) {
      if (progress.type === 'log' && progress.text.includes('sleep')) break
    }
    const left = async (): Promise<boolean> => (await current().countContainers()) === 0
    expect(await until(left, { deadlineMs: 20_000, what: 'no container of the build' })).toBe(true)
  })
}

function imageTests(current: Current): void {
  test('an image in use is not removed; a free one is, and removing twice succeeds', async () => {
    const { baseImage, port } = current()
    const digest = await current().addContext({ Dockerfile: `FROM ${baseImage}\nRUN echo y\n` })
    const request = requestOf(digest)
    const { imageId } = await build(current(), request)
    const release = await current().useImage(imageId)
    await expect(port.removeImage({ imageId }, signal())).rejects.toMatchObject({
      code: 'FailedPrecondition',
    })
    await release()
    await port.removeImage({ imageId }, signal())
    await port.removeImage({ imageId }, signal())
    const { images } = await port.listImages({}, signal())
    expect(images.map(({ uid }) => uid)).not.toContain(request.uid)
  })
}
