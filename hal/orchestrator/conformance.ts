import { newUid } from '@polis/lib/uid'
import { until } from '@polis/lib/until'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { ObservedTask, OrchestratorPort, TaskSpec } from './class.ts'
import { insideConformance } from './conformance-inside.ts'
import { outputConformance } from './conformance-output.ts'
import { anyTime, examTask, PATIENCE_MS, untilTask } from './exam-task.ts'
import { type OrchestratorExam, Watch } from './exam.ts'

const IPV4 = /^\d+\.\d+\.\d+\.\d+$/
const isRunning = (task: ObservedTask): boolean =>
  task.state === 'running' && task.address !== undefined

/** The contract of OrchestratorPort, for every adapter: the fake and drivers on their real engines. */
export function orchestratorConformance(open: () => Promise<OrchestratorExam>): void {
  let exam: OrchestratorExam
  let port: OrchestratorPort

  beforeAll(async () => {
    exam = await open()
    port = exam.port
    await port.ensureDevice({}, anyTime())
  }, PATIENCE_MS * 4)

  afterAll(async () => {
    await exam[Symbol.asyncDispose]()
  }, PATIENCE_MS * 4)

  afterEach(async () => {
    const { tasks } = await port.listTasks({}, anyTime())
    await Promise.all(tasks.map(({ uid }) => port.removeTask({ uid }, anyTime())))
    const { uids } = await port.listNetworks({}, anyTime())
    for (const uid of uids) await port.removeNetwork({ uid }, anyTime())
  }, PATIENCE_MS * 2)

  const task = (change: Partial<TaskSpec> = {}): TaskSpec => examTask(exam.image, change)
  const listUids = async (): Promise<string[]> =>
    (await port.listTasks({}, anyTime())).tasks.map(({ uid }) => uid)

  describe('orchestrator', { timeout: PATIENCE_MS * 3 }, () => {
    describe('device', () => {
      test('is ready, says its facts, and ensuring it again changes nothing', async () => {
        const first = await port.ensureDevice({}, anyTime())
        expect(first).toMatchObject({ isReady: true, message: '' })
        expect(first.facts['gatewayAddress']).toMatch(IPV4)
        expect(first.facts['nodeAddress']).toMatch(IPV4)
        expect(first.facts['engineNode']).toMatch(/./)
        expect(await port.ensureDevice({}, anyTime())).toEqual(first)
        expect(await port.observeDevice({}, anyTime())).toEqual(first)
      })
    })

    describe('networks', () => {
      test('ensuring and removing are safe to repeat', async () => {
        const network = { uid: newUid(), label: 'default/exam' }
        await port.ensureNetwork(network, anyTime())
        await port.ensureNetwork(network, anyTime())
        expect(await port.listNetworks({}, anyTime())).toEqual({ uids: [network.uid] })
        await port.removeNetwork({ uid: network.uid }, anyTime())
        await port.removeNetwork({ uid: network.uid }, anyTime())
        expect(await port.listNetworks({}, anyTime())).toEqual({ uids: [] })
      })

      test('several can be made at once', async () => {
        const uids = Array.from({ length: 4 }, newUid).toSorted()
        await Promise.all(uids.map((uid) => port.ensureNetwork({ uid, label: uid }, anyTime())))
        expect((await port.listNetworks({}, anyTime())).uids.toSorted()).toEqual(uids)
      })

      test('one in use is not removed', async () => {
        const uid = newUid()
        await port.ensureNetwork({ uid, label: 'exam' }, anyTime())
        await port.ensureTask(task({ networks: [{ uid, aliases: ['web'] }] }), anyTime())
        const removing = port.removeNetwork({ uid }, anyTime())
        await expect(removing).rejects.toMatchObject({ code: 'FailedPrecondition' })
        expect(await port.listNetworks({}, anyTime())).toEqual({ uids: [uid] })
      })
    })

    describe('tasks', () => {
      test('one runs, answers at its address, and ensuring it again leaves it alone', async () => {
        const spec = task()
        await port.ensureTask(spec, anyTime())
        const running = await untilTask(port, spec.uid, 'runs', isRunning)
        expect(running).toMatchObject({ message: '', restarts: 0, uid: spec.uid })
        expect(running.incarnation).toMatch(/./)
        await until(async () => (await exam.fetch(running.address ?? '')) === 'hello', {
          deadlineMs: PATIENCE_MS,
          what: 'the task greets',
        })
        await port.ensureTask(spec, anyTime())
        await exam.reopen().ensureTask(spec, anyTime())
        expect(await port.listTasks({}, anyTime())).toEqual({ tasks: [running] })
      })

      test('a changed spec under the same uid is refused and changes nothing', async () => {
        const spec = task()
        await port.ensureTask(spec, anyTime())
        const running = await untilTask(port, spec.uid, 'runs', isRunning)
        const other = { ...spec, environment: { GREETING: 'bye' } }
        const refused = port.ensureTask(other, anyTime())
        await expect(refused).rejects.toMatchObject({ code: 'FailedPrecondition' })
        expect(await port.listTasks({}, anyTime())).toEqual({ tasks: [running] })
      })

      test('an image by a bare tag and an unknown network are refused', async () => {
        const byTag = port.ensureTask(task({ image: 'somewhere/web:1' }), anyTime())
        await expect(byTag).rejects.toMatchObject({ code: 'InvalidArgument' })
        const lost = port.ensureTask(
          task({ networks: [{ uid: newUid(), aliases: [] }] }),
          anyTime(),
        )
        await expect(lost).rejects.toMatchObject({ code: 'FailedPrecondition' })
        expect(await listUids()).toEqual([])
      })

      test('a call that was cancelled before it began changes nothing', async () => {
        const [spec, network] = [task(), { uid: newUid(), label: 'exam' }]
        const kept = task()
        await port.ensureTask(kept, anyTime())
        const signal = AbortSignal.abort(new Error('cancelled'))
        await expect(port.ensureTask(spec, signal)).rejects.toThrow('cancelled')
        await expect(port.ensureNetwork(network, signal)).rejects.toThrow('cancelled')
        await expect(port.removeTask({ uid: kept.uid }, signal)).rejects.toThrow('cancelled')
        await expect(port.ensureDevice({}, signal)).rejects.toThrow('cancelled')
        expect(await listUids()).toEqual([kept.uid])
        expect(await port.listNetworks({}, anyTime())).toEqual({ uids: [] })
      })

      test('after the caller died in ensureTask, the repeat ends in the same place', async () => {
        const spec = task()
        await exam.ensureTaskAndDie(spec)
        await exam.reopen().ensureTask(spec, anyTime())
        await untilTask(port, spec.uid, 'runs', isRunning)
        expect(await listUids()).toEqual([spec.uid])
      })

      test('removing is safe to repeat, also for what never was', async () => {
        const spec = task()
        await port.ensureTask(spec, anyTime())
        await untilTask(port, spec.uid, 'runs', isRunning)
        const twice = [spec.uid, spec.uid].map((uid) => port.removeTask({ uid }, anyTime()))
        await Promise.all([...twice, port.removeTask({ uid: newUid() }, anyTime())])
        expect(await listUids()).toEqual([])
        await port.removeTask({ uid: spec.uid }, anyTime())
      })

      test('one that ignores its stop signal has its grace period, then is gone', async () => {
        const spec = task({ command: ['/bin/stubborn'], stopGracePeriodMs: 2000 })
        await port.ensureTask(spec, anyTime())
        const { address } = await untilTask(port, spec.uid, 'runs', isRunning)
        const startedAtMs = performance.now()
        await port.removeTask({ uid: spec.uid }, anyTime())
        const tookMs = performance.now() - startedAtMs
        expect(tookMs).toBeGreaterThan(1900)
        expect(tookMs).toBeLessThan(9000)
        await expect(exam.fetch(address ?? '')).rejects.toThrow(/./)
      })

      test('a removal that was cut short is finished by the next', async () => {
        const spec = task({ command: ['/bin/stubborn'], stopGracePeriodMs: 3000 })
        await port.ensureTask(spec, anyTime())
        const { address } = await untilTask(port, spec.uid, 'runs', isRunning)
        const hurry = AbortSignal.timeout(500)
        const cut = port.removeTask({ uid: spec.uid }, hurry)
        await expect(cut).rejects.toMatchObject({ name: 'TimeoutError' })
        const startedAtMs = performance.now()
        await exam.reopen().removeTask({ uid: spec.uid }, anyTime())
        expect(performance.now() - startedAtMs).toBeGreaterThan(1000)
        expect(await listUids()).toEqual([])
        await expect(exam.fetch(address ?? '')).rejects.toThrow(/./)
      })

      test('one that crashes is started again and says why it ended', async () => {
        const spec = task({ command: ['/bin/crash'] })
        await using watch = await Watch.begin(port)
        await port.ensureTask(spec, anyTime())
        await untilTask(port, spec.uid, 'restarted twice', ({ restarts }) => restarts >= 2)
        const exits = watch.changes.flatMap((change) =>
          change.type === 'changed' && change.task.state === 'exited' ? [change.task] : [],
        )
        expect(exits[0]?.exitCode).toBe(3)
        // The end is told at once, its last lines as soon as they are read.
        expect(exits.map(({ message }) => message).join('\n')).toMatch(/3.*boom/s)
        for (const { incarnation, address } of exits) {
          expect({ incarnation, address }).toEqual({ incarnation: undefined, address: undefined })
        }
      })

      test('one whose health check fails is never running', async () => {
        const spec = task({
          healthCheck: { test: ['CMD', '/bin/false'], intervalMs: 200, retries: 1 },
        })
        await using watch = await Watch.begin(port)
        await port.ensureTask(spec, anyTime())
        await untilTask(port, spec.uid, 'restarted', ({ restarts }) => restarts >= 1)
        expect(watch.states(spec.uid)).not.toContain('running')
        const reasons = watch.changes.flatMap((change) =>
          change.type === 'changed' ? [change.task.message] : [],
        )
        expect(reasons.join('\n')).toContain('its health check fail')
      })

      test('one whose health check passes is running only then', async () => {
        const spec = task({
          healthCheck: { test: ['CMD', '/bin/true'], intervalMs: 1000, retries: 1 },
        })
        await using watch = await Watch.begin(port)
        await port.ensureTask(spec, anyTime())
        await until(() => watch.states(spec.uid).includes('running'), {
          deadlineMs: PATIENCE_MS,
          what: 'the task is reported running',
        })
        expect(watch.states(spec.uid).slice(-2)).toEqual(['starting', 'running'])
      })

      test('without its image or its node it is pending and says so', async () => {
        const noImage = task({ image: `sha256:${'0'.repeat(64)}` })
        const noNode = task({ engineNode: 'nowhere' })
        await port.ensureTask(noImage, anyTime())
        await port.ensureTask(noNode, anyTime())
        const isSaid = (words: RegExp) => (observed: ObservedTask) =>
          observed.state === 'pending' && words.test(observed.message)
        const imageless = await untilTask(port, noImage.uid, 'waits', isSaid(/no such image/i))
        const homeless = await untilTask(port, noNode.uid, 'waits', isSaid(/no suitable node/))
        for (const { address, incarnation } of [imageless, homeless]) {
          expect({ address, incarnation }).toEqual({ address: undefined, incarnation: undefined })
        }
      })
    })

    insideConformance(() => exam)

    describe('watch', () => {
      test('begins with a snapshot, then tells changes, then gone', async () => {
        const [first, second] = [task(), task()]
        await port.ensureTask(first, anyTime())
        await untilTask(port, first.uid, 'runs', isRunning)
        await using watch = await Watch.begin(port)
        expect(watch.changes[0]).toMatchObject({
          type: 'snapshot',
          tasks: [{ uid: first.uid, state: 'running' }],
        })
        await port.ensureTask(second, anyTime())
        await until(() => watch.states(second.uid).includes('running'), {
          deadlineMs: PATIENCE_MS,
          what: 'the second task is reported running',
        })
        await port.removeTask({ uid: first.uid }, anyTime())
        await until(() => watch.states(first.uid).at(-1) === 'gone', {
          deadlineMs: PATIENCE_MS,
          what: 'the first task is reported gone',
        })
        const kinds = watch.changes.filter(({ type }) => type === 'snapshot')
        expect(kinds).toHaveLength(1)
        expect(watch.states(second.uid).at(-1)).toBe('running')
      })
    })

    outputConformance(() => exam)

    describe('others', () => {
      test('what is not of this installation is neither listed nor touched', async () => {
        await exam.addForeign()
        const before = await exam.describeForeign()
        expect(await listUids()).toEqual([])
        expect(await port.listNetworks({}, anyTime())).toEqual({ uids: [] })
        const [spec, network] = [task(), { uid: newUid(), label: 'exam' }]
        await port.ensureNetwork(network, anyTime())
        await port.ensureTask(spec, anyTime())
        await untilTask(port, spec.uid, 'runs', isRunning)
        await port.removeTask({ uid: spec.uid }, anyTime())
        await port.removeNetwork({ uid: network.uid }, anyTime())
        expect(await exam.describeForeign()).toBe(before)
      })
    })
  })
}
