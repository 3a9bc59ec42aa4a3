import { PolisError } from '@polis/lib/error'
import { TestClock } from '@polis/lib/test-clock'
import { newUid } from '@polis/lib/uid'
import { describe, expect, test } from 'vitest'
import type { ObservedTask, TaskChange } from './class.ts'
import { orchestratorConformance } from './conformance.ts'
import { examTask } from './exam-task.ts'
import { FakeEngine } from './fake-engine.ts'
import { EXAM_IMAGE, FakeOrchestratorExam } from './fake-exam.ts'
import { FakeOrchestrator } from './fake.ts'

const ALWAYS = new AbortController().signal

orchestratorConformance(async () => new FakeOrchestratorExam())

describe('levers', () => {
  const open = (change: Partial<ConstructorParameters<typeof FakeEngine>[0]> = {}) => {
    const engine = new FakeEngine({ clock: new TestClock(), images: [EXAM_IMAGE], ...change })
    return { engine, port: new FakeOrchestrator(engine) }
  }
  const observe = async (port: FakeOrchestrator): Promise<ObservedTask | undefined> =>
    (await port.listTasks({}, ALWAYS)).tasks[0]

  test('a container is healthy when the test says so', async () => {
    const { engine, port } = open({ startsHealthy: false })
    const spec = examTask(EXAM_IMAGE.id)
    await port.ensureTask(spec, ALWAYS)
    expect(await observe(port)).toMatchObject({ state: 'starting' })
    engine.setHealthy(spec.uid)
    expect(await observe(port)).toMatchObject({ state: 'running', message: '' })
    engine.setHealthy(spec.uid, false)
    expect(await observe(port)).toMatchObject({ state: 'unhealthy' })
  })

  test('a crash ends the incarnation, a restart begins another at the lowest free address', async () => {
    const { engine, port } = open()
    const spec = examTask(EXAM_IMAGE.id)
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
    const bound = examTask(EXAM_IMAGE.id, { engineNode: 'one' })
    const free = examTask(EXAM_IMAGE.id)
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
    const spec = examTask(EXAM_IMAGE.id)
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
    await port.ensureTask(examTask(EXAM_IMAGE.id), ALWAYS)
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
