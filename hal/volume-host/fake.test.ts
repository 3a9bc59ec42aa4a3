import { PolisError } from '@polis/lib/error'
import { expect, test } from 'vitest'
import { volumeHostConformance } from './conformance.ts'
import type { TaskView } from './exam.ts'
import { FakeVolumeHost } from './fake.ts'

function viewOf(fake: FakeVolumeHost, taskUid: string): TaskView {
  return {
    read: async (path) => fake.rootOf(taskUid)?.get(path),
    write: async (path, text) => fake.writeAs(taskUid, path, text),
    hold: async (path) => {
      const [name = ''] = path.split('/')
      fake.hold(taskUid, name, 'sleeper')
      return { holder: 'sleeper', release: async () => fake.release(taskUid, name) }
    },
    [Symbol.asyncDispose]: async () => undefined,
  }
}

volumeHostConformance(async () => {
  const fake = new FakeVolumeHost({ allowedRoots: ['/srv/shared'] })
  let folders = 0
  return {
    port: fake,
    addFolder: async () => {
      folders += 1
      fake.addFolder(`/srv/shared/${folders}`, { greeting: 'hello' })
      return `/srv/shared/${folders}`
    },
    forbiddenPaths: async () => ['/etc', '/srv/sharedother', '/srv/shared/../other'],
    missingPath: '/srv/shared/missing',
    startTask: async (_sourcePath, taskUid) => viewOf(fake, taskUid),
    reboot: async () => fake.reboot(),
    [Symbol.asyncDispose]: async () => undefined,
  }
})

test('an ordered failure strikes once, and only the method it was ordered for', async () => {
  const fake = new FakeVolumeHost()
  const signal = AbortSignal.timeout(1_000)
  fake.failNext(new PolisError('ResourceExhausted', 'disk full'), 'ensureVolume')
  await fake.ensureDevice({}, signal)
  await expect(fake.ensureVolume({ uid: 'a' }, signal)).rejects.toThrow('disk full')
  expect(await fake.ensureVolume({ uid: 'a' }, signal)).toMatchObject({ uid: 'a' })
})
