// The fakes sit their exams again at the far end of an mTLS connection: near and far must be one.
import { builderConformance } from '@polis/hal/builder/conformance'
import { FakeBuilder } from '@polis/hal/builder/fake'
import { databaseConformance } from '@polis/hal/database/conformance'
import { FakeDatabaseServer } from '@polis/hal/database/fake'
import { ingressConformance } from '@polis/hal/ingress/conformance'
import { FakeIngress } from '@polis/hal/ingress/fake'
import { FakeWorld } from '@polis/hal/ingress/fake-world'
import { orchestratorConformance } from '@polis/hal/orchestrator/conformance'
import { FakeOrchestratorExam } from '@polis/hal/orchestrator/fake-exam'
import { registryConformance } from '@polis/hal/registry/conformance'
import { FakeRegistry } from '@polis/hal/registry/fake'
import { volumeHostConformance } from '@polis/hal/volume-host/conformance'
import { FakeVolumeHost } from '@polis/hal/volume-host/fake'
import { systemClock } from '@polis/lib/system-clock'
import { serveRemotely } from './test-remote.ts'

builderConformance(async () => {
  const fake = new FakeBuilder()
  fake.loseContext('sha256:lost')
  const remote = await serveRemotely('builder', () => fake, systemClock)
  let contexts = 0
  return {
    port: remote.port,
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
    [Symbol.asyncDispose]: () => remote[Symbol.asyncDispose](),
  }
})

databaseConformance(async () => {
  const fake = new FakeDatabaseServer()
  const remote = await serveRemotely('database', () => fake, systemClock)
  return {
    port: remote.port,
    signIn: async (login) => {
      const session = fake.signIn(login)
      if (session === undefined) return undefined
      return {
        put: async (key, value) => session.put(key, value),
        get: async (key) => session.get(key),
        isOpen: async () => session.isOpen,
        close: async () => session.end(),
      }
    },
    addForeign: async (databaseName) => fake.addForeign(databaseName),
    databaseNames: async () => fake.databaseNames,
    [Symbol.asyncDispose]: () => remote[Symbol.asyncDispose](),
  }
})

registryConformance(async () => {
  const fake = new FakeRegistry()
  const remote = await serveRemotely('registry', () => fake, systemClock)
  const imageId = (n: number): string => `sha256:${String(n).padStart(64, '0')}`
  let images = 0
  fake.loseImage(imageId(0))
  return {
    port: remote.port,
    addImage: async () => {
      images += 1
      return imageId(images)
    },
    missingImageId: imageId(0),
    pull: async (reference) => fake.pull(reference),
    canReadAnonymously: async () => false,
    takesRoom: async (reference) => fake.keptReferences.includes(reference),
    [Symbol.asyncDispose]: () => remote[Symbol.asyncDispose](),
  }
})

volumeHostConformance(async () => {
  const fake = new FakeVolumeHost({ allowedRoots: ['/srv/shared'] })
  const remote = await serveRemotely('volume-host', () => fake, systemClock)
  let folders = 0
  return {
    port: remote.port,
    addFolder: async () => {
      folders += 1
      fake.addFolder(`/srv/shared/${folders}`, { greeting: 'hello' })
      return `/srv/shared/${folders}`
    },
    forbiddenPaths: async () => ['/etc', '/srv/sharedother', '/srv/shared/../other'],
    missingPath: '/srv/shared/missing',
    startTask: async (_sourcePath, taskUid) => ({
      read: async (path) => fake.rootOf(taskUid)?.get(path),
      write: async (path, text) => fake.writeAs(taskUid, path, text),
      hold: async (path) => {
        const [name = ''] = path.split('/')
        fake.hold(taskUid, name, 'sleeper')
        return { holder: 'sleeper', release: async () => fake.release(taskUid, name) }
      },
      [Symbol.asyncDispose]: async () => undefined,
    }),
    reboot: async () => fake.reboot(),
    [Symbol.asyncDispose]: () => remote[Symbol.asyncDispose](),
  }
})

orchestratorConformance(async () => {
  const near = new FakeOrchestratorExam()
  const ports = [near.port]
  const remote = await serveRemotely(
    'orchestrator',
    () => ports.pop() ?? near.reopen(),
    systemClock,
  )
  return {
    port: remote.port,
    image: near.image,
    imageName: near.imageName,
    reopen: () => remote.openAnother(),
    ensureTaskAndDie: (spec) => near.ensureTaskAndDie(spec),
    fetch: (address) => near.fetch(address),
    lookUp: (uid, name) => near.lookUp(uid, name),
    readInside: (uid, path) => near.readInside(uid, path),
    newFolder: () => near.newFolder(),
    makeFolder: (path) => near.makeFolder(path),
    mountFile: (path, name, content) => near.mountFile(path, name, content),
    addForeign: () => near.addForeign(),
    describeForeign: () => near.describeForeign(),
    [Symbol.asyncDispose]: async () => {
      await near[Symbol.asyncDispose]()
      await remote[Symbol.asyncDispose]()
    },
  }
})

ingressConformance(async () => {
  const gatewayAddress = '10.0.0.254'
  const fake = new FakeIngress({ clock: systemClock, gatewayAddress })
  const remote = await serveRemotely('ingress', () => fake, systemClock)
  return {
    ingress: remote.port,
    world: new FakeWorld(fake, gatewayAddress),
    reopen: () => remote.openAnother(),
    [Symbol.asyncDispose]: () => remote[Symbol.asyncDispose](),
  }
})
