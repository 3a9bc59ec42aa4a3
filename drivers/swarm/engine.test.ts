// What the driver does when the engines under it go and come: beyond the exam that every orchestrator sits.
import { DockerClient } from '@polis/engine-docker/client'
import { watchEvents } from '@polis/engine-docker/events'
import type { OrchestratorPort, TaskChange, TaskSpec } from '@polis/hal/orchestrator'
import { Watch } from '@polis/hal/orchestrator/exam'
import { anyTime, examTask, untilTask } from '@polis/hal/orchestrator/exam-task'
import { newUid } from '@polis/lib/uid'
import { until } from '@polis/lib/until'
import { openTestDriverHost, type TestDriverHost } from '@polis/test/driver-host'
import { loadExamImage } from '@polis/test/rig/exam-image'
import { useServer } from '@polis/test/rig/suite'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { openTestDevice } from './test-device.ts'

const server = useServer()
const networkUid = newUid()
let host: TestDriverHost
let port: OrchestratorPort
let image = ''

beforeAll(async () => {
  host = await openTestDriverHost()
  port = openTestDevice(server, host)
  image = await loadExamImage(server)
  await port.ensureDevice({}, anyTime())
  await port.ensureNetwork({ uid: networkUid, label: 'exam' }, anyTime())
}, 120_000)

afterEach(async () => {
  const { tasks } = await port.listTasks({}, anyTime())
  await Promise.all(tasks.map(({ uid }) => port.removeTask({ uid }, anyTime())))
}, 60_000)

afterAll(() => host[Symbol.asyncDispose]())

async function startTasks(count: number, change: Partial<TaskSpec> = {}): Promise<string[]> {
  const networks = [{ uid: networkUid, aliases: ['web'] }]
  const specs = Array.from({ length: count }, () => examTask(image, { networks, ...change }))
  for (const spec of specs) await port.ensureTask(spec, anyTime())
  for (const { uid } of specs)
    await untilTask(port, uid, 'runs', ({ state }) => state === 'running')
  return specs.map(({ uid }) => uid)
}

type Changed = Extract<TaskChange, { type: 'changed' }>['task']

function changesOf(watch: Watch, uid: string): readonly Changed[] {
  return watch.changes.flatMap((change) =>
    change.type === 'changed' && change.task.uid === uid ? [change.task] : [],
  )
}

async function pidOf(uid: string): Promise<number> {
  const { tasks } = await port.listTasks({}, anyTime())
  const id = tasks.find((task) => task.uid === uid)?.containerId ?? ''
  const { stdout } = await server.exec('docker', ['inspect', '--format', '{{.State.Pid}}', id])
  return Number(stdout)
}

async function incarnations(): Promise<ReadonlyMap<string, string | undefined>> {
  const { tasks } = await port.listTasks({}, anyTime())
  return new Map(tasks.map(({ uid, incarnation }) => [uid, incarnation]))
}

test('a container that another driver of the same installation made is no task', async () => {
  const labels = ['--label', `polis.installation=${host.installationUid}`, '--label=polis.device=x']
  const { stdout } = await server.exec('docker', [
    'run',
    '--detach',
    ...labels,
    image,
    'sleep',
    '600',
  ])
  expect((await port.listTasks({}, anyTime())).tasks).toEqual([])
  await server.exec('docker', ['rm', '--force', stdout.trim()])
})

describe('dockerd restarts', { timeout: 120_000 }, () => {
  test.each(['SIGTERM', 'SIGKILL'] as const)(
    'after %s all run again, as others',
    async (ending) => {
      const uids = await startTasks(3)
      const before = await incarnations()
      await using watch = await Watch.begin(port)
      await server.killDocker(ending)
      await expect(port.listTasks({}, anyTime())).rejects.toMatchObject({ code: 'Unavailable' })
      await server.startDocker()
      for (const uid of uids) {
        const runsAgain = (): boolean => {
          const last = changesOf(watch, uid).at(-1)
          return last?.state === 'running' && last.incarnation !== before.get(uid)
        }
        await until(runsAgain, {
          deadlineMs: 60_000,
          what: `task ${uid} is reported running again`,
        })
        expect(watch.states(uid)).toEqual(expect.arrayContaining(['exited', 'running']))
      }
      const after = await until(() => incarnations(), {
        deadlineMs: 10_000,
        what: 'tasks are listed',
      })
      expect([...after.keys()]).toEqual(uids.toSorted())
      expect(changesOf(watch, uids[0] ?? '').at(-1)?.incarnation).toBe(after.get(uids[0] ?? ''))
    },
  )

  test('a death while dockerd is down is reported at once', async () => {
    const [uid = '', other = ''] = await startTasks(2)
    const pid = await pidOf(uid)
    await using watch = await Watch.begin(port)
    await server.killDocker('SIGKILL')
    try {
      const killedAtMs = performance.now()
      process.kill(pid, 'SIGKILL')
      await until(() => watch.states(uid).at(-1) === 'exited', {
        deadlineMs: 5000,
        everyMs: 2,
        what: 'the end is reported',
      })
      expect(performance.now() - killedAtMs).toBeLessThan(200)
      const [exited] = changesOf(watch, uid)
      expect(exited).toMatchObject({ state: 'exited', exitCode: 137 })
      expect(exited?.address).toBeUndefined()
      expect(watch.states(other)).toEqual(['running'])
    } finally {
      await server.startDocker()
    }
    await until(() => watch.states(uid).at(-1) === 'running', {
      deadlineMs: 60_000,
      what: 'the task runs again',
    })
  })

  test('the stream ends with Unavailable when containerd is away too, and begins anew', async () => {
    const [uid = ''] = await startTasks(1)
    const changes: TaskChange[] = []
    const watching = (async () => {
      for await (const change of port.watchTasks({}, anyTime())) changes.push(change)
    })()
    const ended = watching.catch((error: unknown) => error)
    await until(() => changes.length > 0, { deadlineMs: 5000, what: 'a snapshot' })
    await server.killDocker('SIGKILL')
    await server.killContainerd('SIGKILL')
    expect(await ended).toMatchObject({ code: 'Unavailable' })
    await server.startContainerd()
    await server.startDocker()
    await until(() => incarnations(), { deadlineMs: 60_000, what: 'the swarm answers again' })
    await using watch = await Watch.begin(port)
    await until(() => watch.states(uid).at(-1) === 'running', {
      deadlineMs: 60_000,
      what: 'the task runs',
    })
  })

  test('containerd away and back with dockerd up loses no task', async () => {
    const [uid = ''] = await startTasks(1)
    const before = await incarnations()
    await using watch = await Watch.begin(port)
    await server.killContainerd('SIGKILL')
    await server.startContainerd()
    await until(async () => (await incarnations()).get(uid) === before.get(uid), {
      deadlineMs: 10_000,
      what: 'the task is as it was',
    })
    const pid = await pidOf(uid)
    process.kill(pid, 'SIGKILL')
    await until(() => watch.states(uid).includes('exited'), {
      deadlineMs: 10_000,
      what: 'the end is reported by the second stream',
    })
    expect(changesOf(watch, uid)[0]?.state).toBe('exited')
  })
})

// Once of three times is enough: other suites share these cores.
describe('how soon', { timeout: 60_000, retry: 2 }, () => {
  test('a healthy container is reported within 100 ms of its health event', async () => {
    await using watch = await Watch.begin(port)
    const stop = new AbortController()
    const docker = new DockerClient({ socketPath: server.dockerSocketPath })
    const filter = { types: ['container'], actions: ['health_status'] }
    const events = await watchEvents(docker, filter, stop.signal)
    const healthCheck = { test: ['CMD', '/bin/true'], intervalMs: 300 }
    const spec = examTask(image, { healthCheck, networks: [{ uid: networkUid, aliases: [] }] })
    await port.ensureTask(spec, anyTime())
    for await (const { action } of events) if (action === 'health_status: healthy') break
    const healthyAtMs = performance.now()
    const isReported = (): boolean => watch.states(spec.uid).at(-1) === 'running'
    await until(isReported, { deadlineMs: 5000, everyMs: 2, what: 'it is reported healthy' })
    expect(performance.now() - healthyAtMs).toBeLessThan(100)
    expect(changesOf(watch, spec.uid).at(-1)?.address).toMatch(/^172\.30\./)
    stop.abort()
  })

  test('a death is reported within 100 ms', async () => {
    const [uid = ''] = await startTasks(1)
    const pid = await pidOf(uid)
    await using watch = await Watch.begin(port)
    const killedAtMs = performance.now()
    process.kill(pid, 'SIGKILL')
    const isReported = (): boolean => watch.states(uid).includes('exited')
    await until(isReported, { deadlineMs: 5000, everyMs: 2, what: 'the end is reported' })
    expect(performance.now() - killedAtMs).toBeLessThan(100)
  })
})

describe('images', { timeout: 60_000 }, () => {
  test('one that its registry does not know is not found, with a hint', async () => {
    const answer = `require('node:http').createServer((q, a) => a.writeHead(q.url === '/v2/' ? 200 : 404).end('{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}')).listen(5999, '127.0.0.1')`
    const registry = server.spawn(process.execPath, ['--eval', answer])
    try {
      const resolving = port.resolveImage({ reference: '127.0.0.1:5999/nothing' }, anyTime())
      await expect(resolving).rejects.toMatchObject({
        code: 'NotFound',
        message: 'no image 127.0.0.1:5999/nothing',
        hint: 'build it, or check the name',
      })
    } finally {
      await registry.end()
    }
  })

  test('one whose registry is silent is not found either; a wrong name is refused', async () => {
    const silent = port.resolveImage({ reference: '127.0.0.1:5998/nothing:1' }, anyTime())
    await expect(silent).rejects.toMatchObject({ code: 'NotFound' })
    const wrong = port.resolveImage({ reference: 'Not A Name' }, anyTime())
    await expect(wrong).rejects.toMatchObject({ code: 'InvalidArgument' })
  })
})
