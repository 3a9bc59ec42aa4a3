import { newUid } from '@polis/lib/uid'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { RegistryPort } from './class.ts'
import { codeOf } from '../code-of.ts'

/** A registry and the world around it, for the suite. */
export interface RegistryExam extends AsyncDisposable {
  readonly port: RegistryPort
  /** Makes an image on the node, different each time, and gives its id. */
  addImage(): Promise<string>
  /** An id that no image of the node has. */
  readonly missingImageId: string
  /** Fetches it as any node of the cluster would, from the registry alone; gives the image's id, undefined when it is not there. */
  pull(reference: string): Promise<string | undefined>
  /** True when somebody without a certificate gets an answer about an image. */
  canReadAnonymously(reference: string): Promise<boolean>
  /** True while the bytes of that image take room in the registry. */
  takesRoom(reference: string): Promise<boolean>
}

type Current = () => RegistryExam

const signal = (): AbortSignal => AbortSignal.timeout(60_000)

/** The contract of the registry class. A driver that fails one of these is not a registry. */
export function registryConformance(open: () => Promise<RegistryExam>): void {
  describe('registry class', { timeout: 90_000 }, () => {
    let exam: RegistryExam
    beforeAll(async () => {
      exam = await open()
      await exam.port.ensureDevice({}, AbortSignal.timeout(240_000))
    }, 300_000)
    afterAll(() => exam[Symbol.asyncDispose](), 120_000)
    const current = (): RegistryExam => exam

    pushTests(current)
    removalTests(current)
    deviceTests(current)
  })
}

const repositoryOf = (): string => `project/app-${newUid()}/web`

function pushTests(current: Current): void {
  test('a pushed image can be fetched by its digest, and pushing again changes nothing', async () => {
    const { port } = current()
    const imageId = await current().addImage()
    const request = { imageId, repository: repositoryOf(), tag: 'r1' }
    const stored = await port.push(request, signal())
    expect(stored.digest).toMatch(/^sha256:[0-9a-f]{64}$/)
    const { facts } = await port.observeDevice({}, signal())
    expect(stored.reference).toBe(`${facts['address']}/${request.repository}@${stored.digest}`)
    expect(await port.push(request, signal())).toEqual(stored)
    expect(await current().pull(stored.reference)).toBe(imageId)
    const { images } = await port.list({}, signal())
    expect(images).toContainEqual(stored)
  })

  test('only holders of a certificate get in', async () => {
    const imageId = await current().addImage()
    const request = { imageId, repository: repositoryOf(), tag: 'r1' }
    const { reference } = await current().port.push(request, signal())
    expect(await current().canReadAnonymously(reference)).toBe(false)
  })

  test('an image that is not on the node is not found', async () => {
    const { port, missingImageId } = current()
    const request = { imageId: missingImageId, repository: repositoryOf(), tag: 'r1' }
    expect(await codeOf(port.push(request, signal()))).toBe('NotFound')
  })

  test('what is no repository path or tag is refused', async () => {
    const { port } = current()
    const imageId = await current().addImage()
    for (const repository of ['', '../x', 'A', 'a//b', '/a', 'x'.repeat(300), 'ü']) {
      const pushing = port.push({ imageId, repository, tag: 'r1' }, signal())
      expect(await codeOf(pushing)).toBe('InvalidArgument')
    }
    for (const tag of ['', 'a b', '../x', 'x'.repeat(300)]) {
      const pushing = port.push({ imageId, repository: repositoryOf(), tag }, signal())
      expect(await codeOf(pushing)).toBe('InvalidArgument')
    }
  })

  test('an aborted push stores nothing', async () => {
    const { port } = current()
    const repository = repositoryOf()
    const request = { imageId: await current().addImage(), repository, tag: 'r1' }
    expect(await codeOf(port.push(request, AbortSignal.abort()))).not.toBe('no error')
    const { images } = await port.list({}, signal())
    expect(images.map((image) => image.repository)).not.toContain(repository)
  })
}

function removalTests(current: Current): void {
  test('a removed image is gone, others stay, the room comes back, removing twice succeeds', async () => {
    const { port } = current()
    const keep = await port.push(
      { imageId: await current().addImage(), repository: repositoryOf(), tag: 'r1' },
      signal(),
    )
    const drop = await port.push(
      { imageId: await current().addImage(), repository: repositoryOf(), tag: 'r1' },
      signal(),
    )
    const { repository, digest } = drop
    expect(await current().takesRoom(drop.reference)).toBe(true)
    await port.remove({ repository, digest }, signal())
    await port.remove({ repository, digest }, signal())
    expect(await current().pull(drop.reference)).toBeUndefined()
    await port.collectGarbage({}, signal())
    await port.collectGarbage({}, signal())
    expect(await current().takesRoom(drop.reference)).toBe(false)
    expect(await current().takesRoom(keep.reference)).toBe(true)
    expect(await current().pull(keep.reference)).toBeDefined()
    const { images } = await port.list({}, signal())
    expect(images).toContainEqual(keep)
    expect(images).not.toContainEqual(drop)
  })

  test('an image pushed again after its removal and a collection is whole', async () => {
    const { port } = current()
    const imageId = await current().addImage()
    const request = { imageId, repository: repositoryOf(), tag: 'r1' }
    const { repository, digest } = await port.push(request, signal())
    await port.remove({ repository, digest }, signal())
    await port.collectGarbage({}, signal())
    const { reference } = await port.push(request, signal())
    expect(await current().pull(reference)).toBe(imageId)
  })
}

function deviceTests(current: Current): void {
  test('a device that is ready says its address', async () => {
    const { port } = current()
    expect((await port.ensureDevice({}, signal())).facts['address']).toMatch(/^\S+:\d+$/)
    expect(await port.observeDevice({}, signal())).toMatchObject({ isReady: true })
  })

  test('images outlive the removal of the device', async () => {
    const { port } = current()
    const imageId = await current().addImage()
    const request = { imageId, repository: repositoryOf(), tag: 'r1' }
    const { reference } = await port.push(request, signal())
    await port.removeDevice({}, signal())
    await port.removeDevice({}, signal())
    await port.ensureDevice({}, signal())
    expect(await current().pull(reference)).toBe(imageId)
  })
}
