import type { LogLine } from '@polis/hal/orchestrator'
import { Channel } from '@polis/lib/channel'
import { causeChain } from '@polis/lib/error'
import type { Task } from '@polis/resources/task'
import type { ReconcilerDeps } from './controllers/deps.ts'
import { orchestratorDevice, portOf } from './controllers/device-port.ts'
import type { InstanceLogLine, LogQuery } from './kernel.ts'

type LogDeps = Pick<ReconcilerDeps, 'cache' | 'devices' | 'logger'>

/** Lines of all tasks of an instance: in order of time when not following, as they come when following, new tasks too. */
export async function* instanceLogs(
  deps: LogDeps,
  query: LogQuery,
  signal: AbortSignal,
): AsyncIterable<InstanceLogLine> {
  if (query.follow) yield* followed(deps, query, signal)
  else yield* collected(deps, query, signal)
}

async function* collected(
  deps: LogDeps,
  query: LogQuery,
  signal: AbortSignal,
): AsyncIterable<InstanceLogLine> {
  const lines: InstanceLogLine[] = []
  for (const task of tasksOf(deps, query)) {
    for await (const line of linesOf(deps, task, query, signal))
      lines.push(toInstanceLine(deps, task, line))
  }
  yield* lines.toSorted((a, b) => (a.at < b.at ? -1 : 1)).slice(-query.tail)
}

async function* followed(
  deps: LogDeps,
  query: LogQuery,
  signal: AbortSignal,
): AsyncIterable<InstanceLogLine> {
  const ending = new AbortController()
  const both = AbortSignal.any([signal, ending.signal])
  const channel = new Channel<InstanceLogLine>()
  const begun = new Set<string>()
  const begin = (task: Task, tail: number): void => {
    if (begun.has(task.metadata.uid)) return
    begun.add(task.metadata.uid)
    void pump(deps, task, { ...query, tail }, channel, both)
  }
  const unsubscribe = deps.cache.subscribe(() => {
    for (const task of tasksOf(deps, query)) {
      if (task.status.state !== 'waiting') begin(task, Number.MAX_SAFE_INTEGER)
    }
  })
  try {
    for (const task of tasksOf(deps, query))
      if (task.status.state !== 'waiting') begin(task, query.tail)
    yield* channel.read(both)
  } finally {
    unsubscribe()
    ending.abort()
  }
}

async function pump(
  deps: LogDeps,
  task: Task,
  query: LogQuery,
  channel: Channel<InstanceLogLine>,
  signal: AbortSignal,
): Promise<void> {
  try {
    for await (const line of linesOf(deps, task, query, signal))
      channel.push(toInstanceLine(deps, task, line))
  } catch (thrown) {
    // A task that went, or a reader that left; the other tasks' lines go on.
    if (!signal.aborted)
      deps.logger.debug('log stream ended', {
        task: task.metadata.name,
        causes: causeChain(thrown),
      })
  }
}

function linesOf(
  deps: LogDeps,
  task: Task,
  query: LogQuery,
  signal: AbortSignal,
): AsyncIterable<LogLine> {
  const { follow, tail, since } = query
  const request = {
    uid: task.metadata.uid,
    follow,
    tail: Math.min(tail, 100_000),
    ...(since === undefined ? {} : { since }),
  }
  return portOf(deps, 'orchestrator', orchestratorDevice(deps.cache)).logs(request, signal)
}

function tasksOf({ cache }: LogDeps, query: LogQuery): readonly Task[] {
  return cache
    .ownedBy('Service', query.instanceUid)
    .filter(({ spec }) => query.serviceName === undefined || spec.serviceName === query.serviceName)
    .flatMap(({ metadata }) => cache.ownedBy('Task', metadata.uid))
}

function toInstanceLine({ cache }: LogDeps, task: Task, line: LogLine): InstanceLogLine {
  const serviceName = cache.find('Service', task.spec.serviceUid)?.spec.serviceName ?? ''
  return { ...line, serviceName, slot: task.spec.slot }
}
