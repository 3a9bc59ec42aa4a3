import { newUid } from '@polis/lib/uid'
import { until } from '@polis/lib/until'
import type { ObservedTask, OrchestratorPort, TaskSpec } from './class.ts'

/** How long an exam waits for a real engine before it fails. */
export const PATIENCE_MS = 30_000

/** A signal for calls that a test does not mean to cut short. */
export const anyTime = (): AbortSignal => AbortSignal.timeout(PATIENCE_MS * 2)

/** A task of the exam's image; `change` overrides what a test is about. */
export function examTask(image: string, change: Partial<TaskSpec> = {}): TaskSpec {
  return {
    uid: newUid(),
    label: 'exam-task.1',
    image,
    command: ['/bin/serve'],
    environment: { GREETING: 'hello' },
    labels: {},
    stopGracePeriodMs: 2000,
    resources: {},
    networks: [],
    mounts: [],
    hosts: {},
    ...change,
  }
}

/** Waits until the task is as `isIt` says. */
export function untilTask(
  port: OrchestratorPort,
  uid: string,
  what: string,
  isIt: (task: ObservedTask) => boolean,
): Promise<ObservedTask> {
  return until(
    async () => {
      const { tasks } = await port.listTasks({}, anyTime())
      const task = tasks.find((each) => each.uid === uid)
      if (task === undefined) throw new Error(`task ${uid} is not listed`)
      if (!isIt(task)) throw new Error(`task is ${JSON.stringify(task)}`)
      return task
    },
    { deadlineMs: PATIENCE_MS, everyMs: 100, what: `task ${uid} ${what}` },
  )
}
