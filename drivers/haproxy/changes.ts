// Decides which commands bring a running worker from what it holds to what it shall hold. Pure.
import { serverLine } from './edge-file.ts'
import type { ObservedServer } from './observed.ts'
import type { EdgeContents } from './plan.ts'

/** What a worker holds, as it says itself. */
export interface WorkerContents extends Omit<EdgeContents, 'servers'> {
  readonly backends: ReadonlySet<string>
  readonly servers: readonly ObservedServer[]
}

/** File names as HAProxy knows them: full paths. */
export interface ContentPaths {
  readonly hosts: string
  readonly wildcards: string
  readonly admitted: string
  readonly certificates: string
  readonly tls: (file: string) => string
}

export type Change =
  | { readonly kind: 'command'; readonly command: string }
  /** The payload is secret or long: it never shows in an error. */
  | { readonly kind: 'payload'; readonly command: string; readonly payload: string }
  /** The whole map at once, in this order. */
  | {
      readonly kind: 'map'
      readonly path: string
      readonly entries: readonly (readonly [string, string])[]
    }

/**
 * In an order that never leaves a route without the endpoints it had or will have: servers come before the map leads
 * to them and go after. Backends that the worker does not have are left out; they come with its successor.
 */
export function decideChanges(
  observed: WorkerContents,
  wanted: EdgeContents,
  paths: ContentPaths,
  pems: ReadonlyMap<string, string>,
): readonly Change[] {
  return [
    ...addedServers(observed, wanted),
    ...addedCertificates(observed, wanted, paths, pems),
    ...changedHosts(observed, wanted, paths),
    ...changedWildcards(observed, wanted, paths),
    ...changedAdmissions(observed, wanted, paths),
    ...removedServers(observed, wanted),
    ...removedCertificates(observed, wanted, paths),
  ]
}

/** Servers out of use and not wanted: their last connection ended, or will. */
export function deletableServers(
  { servers }: Pick<WorkerContents, 'servers'>,
  wanted: EdgeContents,
): readonly Change[] {
  return servers
    .filter((server) => !isWanted(server, wanted))
    .map(({ backend, name }) => change(`del server ${backend}/${name}`))
}

function removedServers({ servers }: WorkerContents, wanted: EdgeContents): readonly Change[] {
  return servers
    .filter((server) => server.isInUse && !isWanted(server, wanted))
    .map(({ backend, name }) => change(`set server ${backend}/${name} state maint`))
}

function isWanted({ backend, name }: ObservedServer, wanted: EdgeContents): boolean {
  return wanted.servers.get(backend)?.has(name) === true
}

function addedServers(observed: WorkerContents, wanted: EdgeContents): readonly Change[] {
  const isInUse = new Map(observed.servers.map((s) => [`${s.backend}/${s.name}`, s.isInUse]))
  return [...wanted.servers]
    .filter(([backend]) => observed.backends.has(backend))
    .flatMap(([backend, servers]) =>
      [...servers].flatMap(([name, target]) => {
        const id = `${backend}/${name}`
        const ready = change(`set server ${id} state ready`)
        if (isInUse.get(id) === true) return []
        if (isInUse.get(id) === false) return [ready]
        const line = `${backend}/${serverLine(name, target)}`
        return [change(`add server ${line}`), ready]
      }),
    )
}

function changedHosts(
  observed: WorkerContents,
  wanted: EdgeContents,
  paths: ContentPaths,
): readonly Change[] {
  const set = [...wanted.hosts].flatMap(([host, backend]) => {
    const before = observed.hosts.get(host)
    if (before === backend || !observed.backends.has(backend)) return []
    return [change(`${before === undefined ? 'add' : 'set'} map ${paths.hosts} ${host} ${backend}`)]
  })
  const removed = [...observed.hosts.keys()].filter((host) => !wanted.hosts.has(host))
  return [...set, ...removed.map((host) => change(`del map ${paths.hosts} ${host}`))]
}

// The order of suffixes decides, so they are exchanged as a whole.
function changedWildcards(
  observed: WorkerContents,
  wanted: EdgeContents,
  paths: ContentPaths,
): readonly Change[] {
  const next = wanted.wildcards.filter(([, backend]) => observed.backends.has(backend))
  if (JSON.stringify(next) === JSON.stringify(observed.wildcards)) return []
  return [{ kind: 'map', path: paths.wildcards, entries: next }]
}

function changedAdmissions(
  observed: WorkerContents,
  wanted: EdgeContents,
  paths: ContentPaths,
): readonly Change[] {
  const added = [...wanted.admitted].filter((key) => !observed.admitted.has(key))
  const removed = [...observed.admitted].filter((key) => !wanted.admitted.has(key))
  return [
    ...removed.map((key) => change(`del acl ${paths.admitted} ${key}`)),
    ...added.map((key) => change(`add acl ${paths.admitted} ${key}`)),
  ]
}

function addedCertificates(
  observed: WorkerContents,
  wanted: EdgeContents,
  paths: ContentPaths,
  pems: ReadonlyMap<string, string>,
): readonly Change[] {
  return [...wanted.certificates]
    .filter(([file]) => !observed.certificates.has(file))
    .flatMap(([file, host]) => {
      const path = paths.tls(file)
      return [
        change(`new ssl cert ${path}`),
        {
          kind: 'payload' as const,
          command: `set ssl cert ${path}`,
          payload: (pems.get(file) ?? '').trimEnd(),
        },
        change(`commit ssl cert ${path}`),
        {
          kind: 'payload' as const,
          command: `add ssl crt-list ${paths.certificates}`,
          payload: `${path} ${host}`,
        },
      ]
    })
}

function removedCertificates(
  observed: WorkerContents,
  wanted: EdgeContents,
  paths: ContentPaths,
): readonly Change[] {
  return [...observed.certificates.keys()]
    .filter((file) => !wanted.certificates.has(file))
    .flatMap((file) => [
      change(`del ssl crt-list ${paths.certificates} ${paths.tls(file)}`),
      change(`del ssl cert ${paths.tls(file)}`),
    ])
}

function change(command: string): Change {
  return { kind: 'command', command }
}

/** A change in words, without secrets. */
export function wordsOf(one: Change): string {
  return one.kind === 'map' ? `replace map ${one.path}` : one.command
}
