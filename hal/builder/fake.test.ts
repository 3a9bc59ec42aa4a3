import { expect, test } from 'vitest'
import { builderConformance } from './conformance.ts'
import { FakeBuilder } from './fake.ts'

builderConformance(async () => {
  const fake = new FakeBuilder()
  let contexts = 0
  fake.loseContext('sha256:lost')
  return {
    port: fake,
    baseImage: 'base',
    lostDigest: 'sha256:lost',
    addContext: async (files) => {
      contexts += 1
      fake.addContext(`sha256:${contexts}`, files)
      return `sha256:${contexts}`
    },
    countContainers: async () => fake.running,
    useImage: async (imageId) => {
      fake.setInUse(imageId, true)
      return async () => fake.setInUse(imageId, false)
    },
    [Symbol.asyncDispose]: async () => undefined,
  }
})

test('a kernel test needs no context, sees what was built, and can hold a build', async () => {
  const fake = new FakeBuilder()
  const release = fake.holdBuilds()
  const request = {
    uid: 'a',
    contextDigest: 'sha256:any',
    contextPath: '.',
    dockerfile: 'Dockerfile',
    buildArgs: {},
    tag: 'a:1',
    limits: { memoryBytes: 1, cpus: 1 },
  }
  const stream = fake.build(request, AbortSignal.timeout(1_000))[Symbol.asyncIterator]()
  expect(await stream.next()).toMatchObject({ value: { type: 'log' } })
  const ending = stream.next()
  expect(fake.running).toBe(1)
  release()
  expect(await ending).toMatchObject({ value: { type: 'built' } })
  expect(fake.built).toEqual([request])
})
