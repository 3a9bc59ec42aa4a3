import { splitFrames } from '@polis/engine-docker/streams'
import type { LogLine, LogsRequest } from '@polis/hal/orchestrator'
import type { Clock } from '@polis/lib/clock'
import { PolisError } from '@polis/lib/error'
import { hasCode } from './errors.ts'
import { nameOf } from './labels.ts'
import { logsPath, type SwarmApi } from './swarm-api.ts'

type Cut = Pick<LogsRequest, 'follow' | 'tail' | 'since'>

interface LogsDeps {
  readonly api: SwarmApi
  readonly clock: Clock
}

/** How soon a follower of a removed task is let go. */
const CHECK_MS = 1000

/**
 * A task's lines over all its containers. Swarm gives the newest lines of each container and those in no order,
 * so what is past is read first and sorted, and what comes is followed from there.
 */
export async function* readLogs(
  deps: LogsDeps,
  { uid, follow, tail, since }: LogsRequest,
  signal: AbortSignal,
): AsyncGenerator<LogLine> {
  const { api } = deps
  const service = await api.findService(nameOf(uid), signal)
  if (service === undefined || !api.isOurs(service.Spec.Labels)) {
    throw new PolisError('NotFound', `no task ${uid}`)
  }
  const cut = since === undefined ? {} : { since }
  const past: LogLine[] = []
  const read = { follow: false, tail: Math.max(tail, follow ? 1 : 0), ...cut }
  for await (const line of streamLines(api, uid, read, signal)) {
    past.push(line)
  }
  past.sort((a, b) => (a.at < b.at ? -1 : 1))
  if (tail > 0) yield* past.slice(-tail)
  if (!follow) return
  const lastAt = past.at(-1)?.at ?? since
  const from = lastAt === undefined ? {} : { since: lastAt }
  for await (const line of followLines(deps, uid, from, signal)) {
    if (lastAt === undefined || line.at > lastAt) yield line
  }
}

/** Swarm's own stream stays open when there is nothing left to follow. */
async function* followLines(
  deps: LogsDeps,
  uid: string,
  from: Pick<Cut, 'since'>,
  signal: AbortSignal,
): AsyncGenerator<LogLine> {
  const end = new AbortController()
  const either = AbortSignal.any([signal, end.signal])
  const watching = untilGone(deps, uid, either).then(
    () => end.abort(),
    (error: unknown) => end.abort(error),
  )
  try {
    // Every line is wanted here: `tail` would cut each container's separately.
    const all = { follow: true, tail: Infinity, ...from }
    yield* streamLines(deps.api, uid, all, either)
    throw new PolisError('Unavailable', 'Docker stopped telling logs')
  } catch (error) {
    signal.throwIfAborted()
    if (!end.signal.aborted) throw error
    if (end.signal.reason instanceof PolisError) throw end.signal.reason
  } finally {
    end.abort()
    await watching
  }
}

/** Resolves when the task is removed and its last container has said its last words. */
async function untilGone(
  { api, clock }: LogsDeps,
  uid: string,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    await clock.sleep(CHECK_MS, signal)
    if ((await api.services(uid, signal)).length > 0) continue
    const containers = await api.containers(uid, signal)
    if (!containers.some(({ State }) => State === 'running')) return
  }
}

/** Seconds with a fraction, as the engine wants it, without losing nanoseconds. */
function toUnixTime(at: string): string {
  const fraction = /\.(\d+)/.exec(at)?.[1] ?? '0'
  return `${Math.floor(Date.parse(at) / 1000)}.${fraction.padEnd(9, '0')}`
}

async function* streamLines(
  api: SwarmApi,
  uid: string,
  { follow, tail, since }: Cut,
  signal: AbortSignal,
): AsyncGenerator<LogLine> {
  const query = {
    stdout: true,
    stderr: true,
    timestamps: true,
    follow,
    tail: tail === Infinity ? 'all' : tail,
    since: since === undefined ? undefined : toUnixTime(since),
  }
  const response = await api.docker.open('GET', logsPath(uid), { query, signal })
  const rests = { stdout: '', stderr: '' }
  try {
    for await (const { stream, bytes } of splitFrames(response)) {
      const lines = (rests[stream] + bytes.toString('utf8')).split('\n')
      rests[stream] = lines.pop() ?? ''
      for (const text of lines) yield toLine(text, stream, uid)
    }
  } catch (cause) {
    signal.throwIfAborted()
    if (hasCode(cause, 'Unavailable')) throw cause
    throw new PolisError('Unavailable', 'Docker stopped telling logs', { cause })
  } finally {
    response.destroy()
  }
}

function toLine(text: string, source: LogLine['source'], uid: string): LogLine {
  const [, at = '', words = ''] = /^(\S+) ?(.*)$/s.exec(text) ?? []
  return { at, source, text: words.replace(/\r$/, ''), uid }
}
