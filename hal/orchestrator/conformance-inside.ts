import { newUid } from '@polis/lib/uid'
import { until } from '@polis/lib/until'
import { describe, expect, test } from 'vitest'
import type { ObservedTask } from './class.ts'
import { anyTime, examTask, PATIENCE_MS, untilTask } from './exam-task.ts'
import type { OrchestratorExam } from './exam.ts'

const isRunning = ({ state }: ObservedTask): boolean => state === 'running'

/** What a task sees from inside: folders and names. */
export function insideConformance(open: () => OrchestratorExam): void {
  describe('mounts', () => {
    test('a task waits for its folder, and sees what is mounted below it later', async () => {
      const exam = open()
      const { port, image } = exam
      const source = exam.newFolder()
      const mount = { source, target: '/polis', readOnly: true, propagation: 'rslave' } as const
      const spec = examTask(image, { mounts: [mount] })
      await port.ensureTask(spec, anyTime())
      await untilTask(port, spec.uid, 'lacks its folder', ({ state, message }) => {
        return state === 'pending' && message.includes(source)
      })
      await exam.makeFolder(source)
      const before = await untilTask(port, spec.uid, 'runs', isRunning)
      await exam.mountFile(`${source}/late`, 'note', 'here I am')
      const note = await until(() => exam.readInside(spec.uid, '/polis/late/note'), {
        deadlineMs: PATIENCE_MS,
        what: 'the mount is visible inside',
      })
      expect(note).toBe('here I am')
      const after = await untilTask(port, spec.uid, 'runs', isRunning)
      expect(after.incarnation).toBe(before.incarnation)
    })
  })

  describe('names', () => {
    test('tasks of one network find each other by alias, others do not', async () => {
      const exam = open()
      const { port, image } = exam
      const [one, other] = [newUid(), newUid()]
      for (const uid of [one, other]) await port.ensureNetwork({ uid, label: uid }, anyTime())
      const web = examTask(image, { networks: [{ uid: one, aliases: ['web', 'www'] }] })
      const asker = examTask(image, { networks: [{ uid: one, aliases: ['asker'] }] })
      const stranger = examTask(image, { networks: [{ uid: other, aliases: ['stranger'] }] })
      for (const spec of [web, asker, stranger]) await port.ensureTask(spec, anyTime())
      for (const { uid } of [web, asker, stranger]) await untilTask(port, uid, 'runs', isRunning)
      for (const name of ['web', 'www']) {
        const found = async (): Promise<boolean> =>
          (await exam.lookUp(asker.uid, name)).length === 1
        await until(found, { deadlineMs: PATIENCE_MS, what: `the neighbour finds ${name}` })
      }
      expect(await exam.lookUp(stranger.uid, 'web')).toEqual([])
      expect(await exam.lookUp(asker.uid, 'stranger')).toEqual([])
    })
  })
}
