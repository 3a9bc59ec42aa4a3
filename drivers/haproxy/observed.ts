// Reads HAProxy's own account of what it holds, from the answers of its command socket.
import { TLS_DIR } from './layout.ts'

export interface ObservedServer {
  readonly backend: string
  readonly name: string
  /** False in maintenance: gets no new request. */
  readonly isInUse: boolean
}

export interface WorkerList {
  readonly masterPid: number | undefined
  readonly workerPid: number | undefined
  /** Replaced by a reload, ending their last connections. */
  readonly oldPids: readonly number[]
}

/** A connection on a frontend of the gateway. */
export interface ObservedSession {
  readonly id: string
  readonly frontend: string
  readonly source: string
}

const IN_MAINTENANCE = 0x01

/** `show servers state` */
export function parseServers(text: string): readonly ObservedServer[] {
  return rows(text).flatMap((line) => {
    const [, backend, , name, , , adminState] = line.split(' ')
    if (backend === undefined || name === undefined || adminState === undefined) return []
    return [{ backend, name, isInUse: (Number(adminState) & IN_MAINTENANCE) === 0 }]
  })
}

/** `show backend` */
export function parseBackends(text: string): ReadonlySet<string> {
  return new Set(rows(text))
}

/** `show map FILE`, in its order */
export function parseMap(text: string): readonly (readonly [string, string])[] {
  return entries(text).flatMap(([, key, value]) => {
    return key === undefined || value === undefined ? [] : [[key, value] as const]
  })
}

/** `show acl FILE` */
export function parseAcl(text: string): ReadonlySet<string> {
  return new Set(entries(text).flatMap(([, key]) => key ?? []))
}

/** `show ssl crt-list FILE`: file name to host. */
export function parseCertificates(text: string): ReadonlyMap<string, string> {
  const entry = new RegExp(`/${TLS_DIR}/(?<file>[^/: ]+\\.pem)(?::\\d+)? (?<host>\\S+)`)
  return new Map(
    rows(text).flatMap((line) => {
      const { file, host } = entry.exec(line)?.groups ?? {}
      return file === undefined || host === undefined ? [] : [[file, host] as const]
    }),
  )
}

/** The master's `show proc` */
export function parseWorkers(text: string): WorkerList {
  let section = ''
  const pids: Record<string, number[]> = {}
  for (const line of text.split('\n')) {
    if (line.startsWith('#')) section = line
    const [pid, type = ''] = line.trim().split(/\s+/)
    if (!/^\d+$/.test(pid ?? '')) continue
    const kind = type === 'worker' && section.startsWith('# old') ? 'old' : type
    pids[kind] = [...(pids[kind] ?? []), Number(pid)]
  }
  const { master = [], worker = [], old = [] } = pids
  return { masterPid: master[0], workerPid: worker[0], oldPids: old }
}

/** The hash of the shape that a worker runs, from `show info`; undefined for an edge of someone else. */
export function parseShapeHash(text: string): string | undefined {
  return /^description: polis-edge (?<hash>[0-9a-f]+)$/m.exec(text)?.groups?.['hash']
}

/** `show sess`, only what came in through the gateway. */
export function parseGatewaySessions(text: string): readonly ObservedSession[] {
  const entry = /^(?<id>0x[0-9a-f]+): .*?\bsrc=(?<source>\S+):\d+ .*?\bfe=(?<frontend>gateway_\d+) /
  return text.split('\n').flatMap((line) => {
    const { id, source, frontend } = entry.exec(line)?.groups ?? {}
    return id === undefined || source === undefined || frontend === undefined
      ? []
      : [{ id, source: source.replaceAll(/^\[|\]$/g, ''), frontend }]
  })
}

/** `show stat -1 4 -1`: how many requests or connections are under way to servers of that prefix. */
export function countUnderWay(text: string, prefix: string): number {
  let count = 0
  for (const line of rows(text)) {
    const [backend = '', server = '', queued, , current] = line.split(',')
    if (backend.startsWith('gateway_') || !server.startsWith(prefix)) continue
    count += Number(queued) + Number(current)
  }
  return count
}

/** `0x55d0c8 key value`, split. */
function entries(text: string): readonly (readonly string[])[] {
  return rows(text)
    .filter((line) => line.startsWith('0x'))
    .map((line) => line.split(' '))
}

function rows(text: string): readonly string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && line !== '1' && !line.startsWith('#'))
}
