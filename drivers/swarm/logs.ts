import { splitFrames } from '@polis/engine-docker/streams'
import type { LogLine, LogsRequest } from '@polis/hal/orchestrator'
import { PolisError } from '@polis/lib/error'
import { hasCode } from './errors.ts'
import { nameOf } from './labels.ts'
import { logsPath, type SwarmApi } from './swarm-api.ts'

type Cut = Pick<LogsRequest, 'follow' | 'tail' | 'since'>

/**
 * A task's lines over all its containers. Swarm gives the newest lines of each container and those in no order,
 * so what is past is read first and sorted, and what comes is followed from there.
 */
export async function* readLogs(
  api: SwarmApi,
  { uid, follow, tail, since }: LogsRequest,
  signal: AbortSignal,
): AsyncGenerator<LogLine> {
  const service = await api.findService(nameOf(uid), signal)
  if (service === undefined || !api.isOurs(service.Spec.Labels)) {
    throw new PolisError('NotFound', `no task ${uid}`)
  }
  const cut = since === undefined ? {} : { since }
  const past: LogLine[] = []
  const read = { follow: false, tail: Math.max(tail, follow ? 1 : 0), ...cut }
  for await (const line of streamLines(api, uid, read, signal)) {
    if (since === undefined || line.at >= since) past.push(line)
  }
  past.sort((a, b) => (a.at < b.at ? -1 : 1))
  if (tail > 0) yield* past.slice(-tail)
  if (!follow) return
  const lastAt = past.at(-1)?.at ?? since
  // Every line is wanted here: `tail` would cut each container's separately.
  const rest = { follow: true, tail: Infinity, ...(lastAt === undefined ? {} : { since: lastAt }) }
  for await (const line of streamLines(api, uid, rest, signal)) {
    if (lastAt === undefined || line.at > lastAt) yield line
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
