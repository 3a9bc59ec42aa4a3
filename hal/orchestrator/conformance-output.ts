import { newUid } from '@polis/lib/uid'
import { until } from '@polis/lib/until'
import { describe, expect, test } from 'vitest'
import type { LogLine, LogsRequest, OrchestratorPort } from './class.ts'
import { examTask, PATIENCE_MS, anyTime, untilTask } from './exam-task.ts'
import type { OrchestratorExam } from './exam.ts'

async function readLogs(
  port: OrchestratorPort,
  request: Partial<LogsRequest> & { uid: string },
): Promise<LogLine[]> {
  const lines: LogLine[] = []
  const whole = { follow: false, tail: 1000, ...request }
  for await (const line of port.logs(whole, anyTime())) lines.push(line)
  return lines
}

/** What tasks write, and what images are. */
export function outputConformance(exam: () => OrchestratorExam): void {
  describe('logs', () => {
    test('are given as written, with time and source, and cut by tail and since', async () => {
      const { port, image } = exam()
      const spec = examTask(image)
      await port.ensureTask(spec, anyTime())
      const [line] = await until(
        async () => {
          const lines = await readLogs(port, { uid: spec.uid })
          return lines.length > 0 && lines
        },
        { deadlineMs: PATIENCE_MS, everyMs: 100, what: 'the first line' },
      )
      expect(line).toMatchObject({ uid: spec.uid, source: 'stdout', text: 'serving hello' })
      expect(line?.at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z$/)
      expect(await readLogs(port, { uid: spec.uid, tail: 0 })).toEqual([])
      expect(await readLogs(port, { uid: spec.uid, since: '2999-01-01T00:00:00Z' })).toEqual([])
    })

    test('hold the lines of earlier incarnations, and follow goes on over restarts', async () => {
      const { port, image } = exam()
      const spec = examTask(image, { command: ['/bin/crash'] })
      await port.ensureTask(spec, anyTime())
      await untilTask(port, spec.uid, 'restarted', ({ restarts }) => restarts >= 1)
      const before = await until(
        async () => {
          const lines = await readLogs(port, { uid: spec.uid })
          return lines.length >= 2 && lines
        },
        { deadlineMs: PATIENCE_MS, everyMs: 100, what: 'the lines of two incarnations' },
      )
      expect(before.map(({ at }) => at)).toEqual(before.map(({ at }) => at).toSorted())
      const followed: LogLine[] = []
      for await (const line of port.logs({ uid: spec.uid, follow: true, tail: 1 }, anyTime())) {
        followed.push(line)
        if (followed.length === 3) break
      }
      expect(followed.map(({ text, source }) => `${source} ${text}`)).toEqual(
        Array.from({ length: 3 }, () => 'stderr boom'),
      )
      expect(new Set(followed.map(({ at }) => at)).size).toBe(3)
    })

    test('end, when followed, with the task', async () => {
      const { port, image } = exam()
      const spec = examTask(image)
      await port.ensureTask(spec, anyTime())
      await untilTask(port, spec.uid, 'runs', ({ state }) => state === 'running')
      const followed: string[] = []
      for await (const { text } of port.logs({ uid: spec.uid, follow: true, tail: 9 }, anyTime())) {
        followed.push(text)
        await port.removeTask({ uid: spec.uid }, anyTime())
      }
      expect(followed).toEqual(['serving hello'])
    })

    test('of an unknown task are refused', async () => {
      await expect(readLogs(exam().port, { uid: newUid() })).rejects.toMatchObject({
        code: 'NotFound',
      })
    })
  })

  describe('images', () => {
    test('a local one is found by name and by id, and its pin runs', async () => {
      const { port, image, imageName } = exam()
      const byName = await port.resolveImage({ reference: imageName }, anyTime())
      expect(byName.imageId).toBe(image)
      const byId = await port.resolveImage({ reference: image }, anyTime())
      expect(byName).toMatchObject({ exposedPorts: ['8080/tcp'], hasHealthCheck: false })
      expect(byName.sizeBytes).toBeGreaterThan(0)
      expect(byId).toEqual(byName)
      const spec = examTask(byName.pinned)
      await port.ensureTask(spec, anyTime())
      await untilTask(port, spec.uid, 'runs', ({ state }) => state === 'running')
    })

    test('one that nobody has is not found', async () => {
      const resolving = exam().port.resolveImage(
        { reference: `sha256:${'0'.repeat(64)}` },
        anyTime(),
      )
      await expect(resolving).rejects.toMatchObject({
        code: 'NotFound',
        hint: 'build it, or check the name',
      })
    })
  })
}
