import { PolisError } from '@polis/lib/error'
import { LogsFollow } from '../documents/application.ts'
import type { ResultOf } from '../graphql.ts'
import { printable } from '../output/table.ts'
import type { Session } from '../shell.ts'

export interface LogOptions {
  readonly project: string
  readonly follow?: boolean
  readonly tail: number
  readonly since?: string
  readonly timestamps?: boolean
}

type Line = ResultOf<typeof LogsFollow>['logs'][number]

/** Lines of an instance as they come; as JSON one object a line. */
export async function showLogs(session: Session, name: string, options: LogOptions): Promise<void> {
  const client = await session.client()
  const { deps, printer } = session
  const [instance = '', service] = name.split('/')
  const { project, tail, follow = false } = options
  let since = options.since === undefined ? undefined : toTime(options.since, deps.clock.now())
  let isFirst = true
  const variables = () => ({
    project,
    instance,
    follow,
    // After a lost connection from where it broke off, however much that is.
    tail: isFirst ? tail : 100_000,
    ...(service === undefined ? {} : { service }),
    ...(since === undefined ? {} : { since }),
  })
  try {
    for await (const { logs } of client.follow(LogsFollow, variables)) {
      for (const line of logs) {
        if (!isFirst && since !== undefined && line.at <= since) continue
        deps.stdout.write(`${printer.isJson ? JSON.stringify(line) : toText(line, options)}\n`)
      }
      since = logs.at(-1)?.at ?? since
      isFirst = false
    }
  } catch (error) {
    // Whoever follows ends it by leaving.
    if (!deps.signal.aborted || !follow) throw error
  }
}

function toText({ at, serviceName, slot, text }: Line, { timestamps }: LogOptions): string {
  const time = timestamps === true ? `${at} ` : ''
  return `${time}${serviceName}.${slot} | ${printable(text)}`
}

/** ISO 8601, or an age. */
function toTime(text: string, now: Date): string {
  const age = /^(?<count>\d+)(?<unit>[smhd])$/.exec(text)?.groups
  const unitMs = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }[age?.['unit'] ?? ''] ?? 0
  const time =
    age === undefined ? new Date(text) : new Date(now.getTime() - Number(age['count']) * unitMs)
  if (!Number.isNaN(time.getTime())) return time.toISOString()
  throw new PolisError('InvalidArgument', `${JSON.stringify(text)} is no time`, {
    path: 'since',
    hint: 'write 2026-01-31T12:00:00Z, or 10m',
  })
}
