import { PolisError } from '@polis/lib/error'
import { systemClock } from '@polis/lib/system-clock'
import { TestClock } from '@polis/lib/test-clock'
import { newUid } from '@polis/lib/uid'
import { describe, expect, test } from 'vitest'
import type { ObservedTask, TaskChange, TaskSpec } from './class.ts'
import { orchestratorConformance } from './conformance.ts'
import { examTask } from './exam-task.ts'
import type { OrchestratorExam } from './exam.ts'
import { FakeEngine } from './fake-engine.ts'
import type { FakeImage } from './fake-task.ts'
import { FakeOrchestrator } from './fake.ts'

const IMAGE: FakeImage = {
  id: `sha256:${'a'.repeat(64)}`,
  names: ['polis/exam:latest'],
  exposedPorts: ['8080/tcp'],
  programs: {
    '/bin/serve': { output: [{ source: 'stdout', text: 'serving hello' }] },
    '/bin/crash': { exitCode: 3, output: [{ source: 'stderr', text: 'boom' }] },
    '/bin/stubborn': { ignoresStop: true },
  },
}

const ALWAYS = new AbortController().signal

class FakeExam implements OrchestratorExam {
  readonly #engine = new FakeEngine({
    clock: systemClock,
    images: [IMAGE],
    restartDelayMs: 50,
    passesHealthCheck: ({ healthCheck }) => healthCheck?.test.at(-1) !== '/bin/false',
  })
  readonly #files = new Map<string, string>()
  #hasForeign = false
  readonly port = new FakeOrchestrator(this.#engine)
  readonly image = IMAGE.id
  readonly imageName = 'polis/exam'

  reopen(): FakeOrchestrator {
    return new FakeOrchestrator(this.#engine)
  }

  async ensureTaskAndDie(spec: TaskSpec): Promise<void> {
    const dying = this.reopen()
    dying.loseNextAnswer(new PolisError('Internal', 'killed'), 'ensureTask')
    await dying.ensureTask(spec, ALWAYS).then(
      () => Promise.reject(new Error('the answer was not lost')),
      () => undefined,
    )
  }

  async fetch(address: string): Promise<string> {
    const task = this.#engine.observed().find((each) => each.address === address)
    if (task === undefined) throw new Error(`nobody answers at ${address}`)
    return this.#engine.spec(task.uid).environment['GREETING'] ?? ''
  }

  async lookUp(uid: string, name: string): Promise<readonly string[]> {
    return this.#engine.lookUp(uid, name)
  }

  async readInside(uid: string, path: string): Promise<string | undefined> {
    const mount = this.#engine.spec(uid).mounts.find(({ target }) => path.startsWith(target))
    if (mount === undefined || mount.propagation !== 'rslave') return undefined
    return this.#files.get(mount.source + path.slice(mount.target.length))
  }

  newFolder(): string {
    const path = `/srv/${newUid()}`
    this.#engine.removeFolder(path)
    return path
  }

  async makeFolder(path: string): Promise<void> {
    this.#engine.addFolder(path)
  }

  async mountFile(path: string, name: string, content: string): Promise<void> {
    this.#files.set(`${path}/${name}`, content)
  }

  async addForeign(): Promise<void> {
    this.#hasForeign = true
  }

  async describeForeign(): Promise<string> {
    return String(this.#hasForeign)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { uid } of this.#engine.observed()) await this.#engine.remove(uid)
  }
}

orchestratorConformance(async () => new FakeExam())

describe('levers', () => {
  const open = (change: Partial<ConstructorParameters<typeof FakeEngine>[0]> = {}) => {
    const engine = new FakeEngine({ clock: new TestClock(), images: [IMAGE], ...change })
    return { engine, port: new FakeOrchestrator(engine) }
  }
  const observe = async (port: FakeOrchestrator): Promise<ObservedTask | undefined> =>
    (await port.listTasks({}, ALWAYS)).tasks[0]

  test('a container is healthy when the test says so', async () => {
    const { engine, port } = open({ startsHealthy: false })
    const spec = examTask(IMAGE.id)
    await port.ensureTask(spec, ALWAYS)
    expect(await observe(port)).toMatchObject({ state: 'starting' })
    engine.setHealthy(spec.uid)
    expect(await observe(port)).toMatchObject({ state: 'running', message: '' })
    engine.setHealthy(spec.uid, false)
    expect(await observe(port)).toMatchObject({ state: 'unhealthy' })
  })

  test('a crash ends the incarnation, a restart begins another at the lowest free address', async () => {
    const { engine, port } = open()
    const spec = examTask(IMAGE.id)
    await port.ensureTask(spec, ALWAYS)
    const first = await observe(port)
    engine.crash(spec.uid, 9, ['out of luck'])
    const exited = await observe(port)
    expect(exited).toMatchObject({ state: 'exited', exitCode: 9, restarts: 0 })
    expect(exited?.message).toContain('out of luck')
    engine.restart(spec.uid)
    const second = await observe(port)
    expect(second).toMatchObject({ state: 'running', address: first?.address, restarts: 1 })
    expect(second?.incarnation).not.toBe(first?.incarnation)
  })

  test('a lost node sends its tasks to another one, and leaves those bound to it pending', async () => {
    const { engine, port } = open({ nodes: ['one', 'two'] })
    const bound = examTask(IMAGE.id, { engineNode: 'one' })
    const free = examTask(IMAGE.id)
    for (const spec of [bound, free]) await port.ensureTask(spec, ALWAYS)
    engine.loseNode('one')
    const { tasks } = await port.listTasks({}, ALWAYS)
    const states = new Map(tasks.map((task) => [task.uid, task]))
    expect(states.get(bound.uid)).toMatchObject({ state: 'pending', message: 'no suitable node' })
    expect(states.get(free.uid)).toMatchObject({ state: 'running', engineNode: 'two' })
    engine.restoreNode('one')
    const after = await port.listTasks({}, ALWAYS)
    expect(after.tasks.map(({ state }) => state)).toEqual(['running', 'running'])
  })

  test('an ordered failure comes once; an engine that is away fails every call and ends streams', async () => {
    const { port } = open()
    port.failNext(new PolisError('ResourceExhausted', 'full'), 'ensureTask')
    const spec = examTask(IMAGE.id)
    await expect(port.ensureTask(spec, ALWAYS)).rejects.toThrow('full')
    await port.ensureTask(spec, ALWAYS)
    const seen: TaskChange[] = []
    const watching = (async () => {
      for await (const change of port.watchTasks({}, ALWAYS)) {
        seen.push(change)
        port.setAway(true)
      }
    })()
    await expect(watching).rejects.toMatchObject({ code: 'Unavailable' })
    expect(seen).toMatchObject([{ type: 'snapshot', tasks: [{ uid: spec.uid }] }])
    await expect(port.listTasks({}, ALWAYS)).rejects.toMatchObject({ code: 'Unavailable' })
    port.setAway(false)
    expect(await observe(port)).toMatchObject({ uid: spec.uid })
  })

  test('held starts stay pending with their reason', async () => {
    const { engine, port } = open()
    engine.holdStarts('the registry is slow')
    await port.ensureTask(examTask(IMAGE.id), ALWAYS)
    expect(await observe(port)).toMatchObject({
      state: 'pending',
      message: 'the registry is slow',
    })
    engine.releaseStarts()
    expect(await observe(port)).toMatchObject({ state: 'running' })
  })

  test('networks run out where the test says so', async () => {
    const { port } = open({ maxNetworks: 1 })
    const first = { uid: newUid(), label: 'exam' }
    await port.ensureNetwork(first, ALWAYS)
    await port.ensureNetwork(first, ALWAYS)
    const second = port.ensureNetwork({ uid: newUid(), label: 'exam' }, ALWAYS)
    await expect(second).rejects.toMatchObject({ code: 'ResourceExhausted' })
  })
})
