// Decides, from a table and what went before, what HAProxy shall hold. Pure.
import { createHash } from 'node:crypto'
import { EdgeTable, type Endpoint } from '@polis/hal/ingress'
import { isWildcardAddress } from '@polis/hal/ingress/table'
import { z } from 'zod'
import type { HaproxyParameters } from './config.ts'
import { digestOf, toPem } from './certificates.ts'

/** What is kept on disk between two tables. */
export const EdgeState = z.object({
  version: z.literal(1),
  table: EdgeTable,
  /** Host to backend. A backend's name is never given to a second host. */
  hosts: z.record(z.string(), z.string()),
  /** Declared, and not yet given to any host. */
  spare: z.array(z.string()),
  /** Declared, and no longer of use; the next reload drops them. */
  retired: z.array(z.string()),
  nextBackend: z.number().int(),
})
export type EdgeState = z.infer<typeof EdgeState>

const EMPTY_TABLE: EdgeTable = { http: [], ports: [], gateway: [], certificates: [] }

export const INITIAL_STATE: EdgeState = {
  version: 1,
  table: EMPTY_TABLE,
  hosts: {},
  spare: [],
  retired: [],
  nextBackend: 1,
}

export interface ServerTarget {
  readonly address: string
  readonly port: number
}

/** What changes at run time, by the names HAProxy knows it by. */
export interface EdgeContents {
  /** Backend to server name to where it is. */
  readonly servers: ReadonlyMap<string, ReadonlyMap<string, ServerTarget>>
  readonly hosts: ReadonlyMap<string, string>
  /** Suffix (`.example.org`) and backend, longest first. */
  readonly wildcards: readonly (readonly [string, string])[]
  /** `<source address>_<gateway port>` */
  readonly admitted: ReadonlySet<string>
  /** File name below `tls/` to the host it serves. */
  readonly certificates: ReadonlyMap<string, string>
}

/** What only a reload changes. */
export interface EdgeShape {
  readonly httpBackends: readonly string[]
  readonly ports: readonly { readonly address: string; readonly port: number }[]
  readonly gatewayPorts: readonly number[]
}

export interface EdgePlan {
  readonly state: EdgeState
  readonly shape: EdgeShape
  readonly contents: EdgeContents
  /** File name below `tls/` to its text. */
  readonly pems: ReadonlyMap<string, string>
}

/**
 * The plan for `table` after `previous`. New hosts take spare backends; when these run out, or with `isRestarting`, the
 * shape changes and brings new ones.
 */
export function planEdge(
  previous: EdgeState,
  table: EdgeTable,
  parameters: HaproxyParameters,
  isRestarting = false,
): EdgePlan {
  const state = assignBackends(previous, table, parameters.spareRoutes, isRestarting)
  const shape: EdgeShape = {
    httpBackends: [...Object.values(state.hosts), ...state.spare, ...state.retired].toSorted(),
    ...bindsOf(table),
  }
  return { state, shape, ...contentsOf(table, state.hosts) }
}

/** The backend that is no route: to the worker that came after. */
export const SUCCESSOR = 'successor'

/** The frontend of all domains. */
export const HTTP_FRONTEND = 'http'

export function portBackend({ address, port }: ServerTarget): string {
  return `port_${address}_${port}`
}

export function gatewayBackend(port: number): string {
  return `gateway_${port}`
}

/** Names of servers begin so when they belong to this incarnation. */
export function serverPrefix({
  taskUid,
  incarnation,
}: Pick<Endpoint, 'taskUid' | 'incarnation'>): string {
  return `${nameable(taskUid)}_${nameable(incarnation)}_`
}

/** A short name for a shape: what tells two workers apart. */
export function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 12)
}

function assignBackends(
  previous: EdgeState,
  table: EdgeTable,
  spareRoutes: number,
  isRestarting: boolean,
): EdgeState {
  const wanted = new Set(table.http.map(({ host }) => host))
  const kept = Object.entries(previous.hosts).filter(([host]) => wanted.has(host))
  const gone = Object.entries(previous.hosts).filter(([host]) => !wanted.has(host))
  const fresh = [...wanted].filter((host) => !(host in previous.hosts))
  const isReshaped =
    isRestarting || !sameBinds(previous.table, table) || fresh.length > previous.spare.length
  const count = isReshaped ? Math.max(0, fresh.length + spareRoutes - previous.spare.length) : 0
  const pool = [
    ...previous.spare,
    ...Array.from({ length: count }, (_, index) => httpBackend(previous.nextBackend + index)),
  ]
  const given = fresh.map((host, index) => [host, pool[index] ?? ''] as const)
  return {
    version: 1,
    table,
    hosts: Object.fromEntries([...kept, ...given]),
    spare: pool.slice(fresh.length),
    retired: isReshaped ? [] : [...previous.retired, ...gone.map(([, backend]) => backend)],
    nextBackend: previous.nextBackend + count,
  }
}

function httpBackend(number: number): string {
  return `http_${String(number).padStart(6, '0')}`
}

function bindsOf(table: EdgeTable): Pick<EdgeShape, 'ports' | 'gatewayPorts'> {
  const ports = table.ports
    .map(({ address, port }) => ({ address, port }))
    .toSorted((a, b) => a.port - b.port || a.address.localeCompare(b.address))
  return { ports, gatewayPorts: table.gateway.map(({ port }) => port).toSorted((a, b) => a - b) }
}

function sameBinds(a: EdgeTable, b: EdgeTable): boolean {
  return JSON.stringify(bindsOf(a)) === JSON.stringify(bindsOf(b))
}

function contentsOf(
  table: EdgeTable,
  backends: Readonly<Record<string, string>>,
): Pick<EdgePlan, 'contents' | 'pems'> {
  const servers = new Map<string, ReadonlyMap<string, ServerTarget>>([
    ...table.http.map(
      ({ host, endpoints }) => [backends[host] ?? '', serversOf(endpoints)] as const,
    ),
    ...table.ports.map((route) => [portBackend(route), serversOf(route.endpoints)] as const),
    ...table.gateway.map(({ port, upstreams }) => {
      const named = upstreams.map((to) => [`upstream_${to.address}_${to.port}`, to] as const)
      return [gatewayBackend(port), new Map(named)] as const
    }),
  ])
  const routes = table.http.map(({ host }) => [host, backends[host] ?? ''] as const)
  const wildcards = routes
    .filter(([host]) => host.startsWith('*.'))
    .map(([host, backend]) => [host.slice(1), backend] as const)
    .toSorted(([a], [b]) => b.length - a.length || a.localeCompare(b))
  const admitted = table.gateway.flatMap((route) =>
    route.admitted.map((address) => `${address}_${route.port}`),
  )
  const tls = tlsOf(table)
  return {
    contents: {
      servers,
      hosts: new Map(routes.filter(([host]) => !host.startsWith('*.'))),
      wildcards,
      admitted: new Set(admitted),
      certificates: new Map(tls.map(({ file, host }) => [file, host])),
    },
    pems: new Map(tls.map(({ file, pem }) => [file, pem])),
  }
}

// One file per host, even where hosts share a certificate: a host then comes and goes without touching the others.
function tlsOf(table: EdgeTable): readonly { file: string; host: string; pem: string }[] {
  const pems = new Map(table.certificates.map((one) => [one.name, toPem(one)]))
  return table.http.flatMap(({ host, certificate }) => {
    const pem = certificate === undefined ? undefined : pems.get(certificate)
    if (pem === undefined) return []
    return [{ file: `${host.replace('*', '_')}-${digestOf(pem)}.pem`, host, pem }]
  })
}

// The address is part of the name: what is behind a name never changes, so nothing stale can hide behind it.
function serversOf(endpoints: readonly Endpoint[]): ReadonlyMap<string, ServerTarget> {
  return new Map(
    endpoints.map((endpoint) => {
      const { address, port } = endpoint
      return [`${serverPrefix(endpoint)}${address}_${port}`, { address, port }]
    }),
  )
}

function nameable(text: string): string {
  return /^[A-Za-z0-9.-]{1,80}$/.test(text) ? text : `x${hashOf(text)}`
}

/** Where a client on this node finds a listener. */
export function reachableAddress(address: string): string {
  if (!isWildcardAddress(address)) return address
  return address === '::' ? '::1' : '127.0.0.1'
}
