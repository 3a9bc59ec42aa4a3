// Writes haproxy.cfg. Keeps to what HAProxy 2.4 to 3.0 all know.
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import type { HaproxyParameters } from './config.ts'
import type { EngineAbilities, UnprivilegedUser } from './engine.ts'
import {
  ADMITTED_FILE,
  CERTIFICATES_FILE,
  type EdgeLayout,
  HOSTS_FILE,
  WILDCARDS_FILE,
  workerSocketOf,
} from './layout.ts'
import {
  type EdgeContents,
  type EdgeShape,
  gatewayBackend,
  hashOf,
  HTTP_FRONTEND,
  portBackend,
  SUCCESSOR,
  type ServerTarget,
} from './plan.ts'

export interface EdgeFileInput {
  readonly parameters: HaproxyParameters
  readonly layout: EdgeLayout
  readonly shape: EdgeShape
  /** Whether HAProxy starts as root, and who it becomes. Undefined: it stays who it is. */
  readonly runsAs: UnprivilegedUser | undefined
  readonly abilities: EngineAbilities
}

/** What an edge of this shape is called: differs whenever a reload is needed, and only then. */
export function shapeHash(input: EdgeFileInput): string {
  return hashOf(render(input, { folder: input.layout.liveDir, hash: '', servers: new Map() }))
}

/** The file for the edge, with everything else it reads in `folder`. */
export function edgeFile(input: EdgeFileInput, contents: EdgeContents, folder: string): string {
  return render(input, { folder, hash: shapeHash(input), servers: contents.servers })
}

/** A server as both the file and `add server` write it. */
export function serverLine(name: string, { address, port }: ServerTarget): string {
  return `${name} ${toHostPort(address, port)}`
}

interface Rest {
  readonly folder: string
  readonly hash: string
  readonly servers: EdgeContents['servers']
}

// Every answer that HAProxy makes itself says so, so that nobody takes it for an endpoint's.
const MARK = 'hdr x-polis-edge'
const ERROR_STATUSES = [400, 401, 403, 405, 407, 408, 410, 413, 425, 429, 500, 501, 502, 504]
const MAX_THREADS = 4
const MIN_CONNECTIONS = 100
const RESERVED_FILES = 2000
const LATE_SOCKET = 'late.sock'
const LATE_BIND_ID = 9000

function render(input: EdgeFileInput, rest: Rest): string {
  const { shape } = input
  const sections = [
    globalSection(input, rest),
    httpDefaults(input.abilities),
    httpFrontend(input, rest.folder),
    successorBackend(input),
    ...shape.httpBackends.map((name) => httpBackend(name, rest)),
    tcpDefaults(),
    ...shape.ports.flatMap((bind) => portSections(bind, rest)),
    ...shape.gatewayPorts.flatMap((port) => gatewaySections(port, input.parameters, rest)),
  ]
  return `${sections.map(([head, ...lines]) => [head, ...lines.map((line) => `  ${line}`)].join('\n')).join('\n\n')}\n`
}

type Section = readonly string[]

function globalSection(input: EdgeFileInput, { hash }: Rest): Section {
  const { parameters, layout, runsAs, abilities } = input
  const privileges =
    runsAs === undefined
      ? []
      : [`user ${runsAs.user}`, `group ${runsAs.group}`, `chroot ${layout.jailDir}`]
  const socket = workerSocketOf(layout, hash)
  return [
    'global',
    ...privileges,
    `description polis-edge ${hash}`,
    `stats socket ${socket} mode 600 level admin expose-fd listeners`,
    'stats timeout 60s',
    `maxconn ${Math.min(parameters.maxConnections, connectionsWithin(abilities.maxOpenFiles))}`,
    // More servers than the reserve foresees must not keep a new worker from starting.
    'no strict-limits',
    `nbthread ${Math.min(MAX_THREADS, availableParallelism())}`,
    // A worker that a reload replaced stays for its long connections; these bound how long, and how many there are.
    'hard-stop-after 7d',
    'mworker-max-reloads 20',
    'tune.ssl.cachesize 4000',
    'ssl-default-bind-options ssl-min-ver TLSv1.2',
  ]
}

// Two files a connection, and some for listeners, servers and commands.
function connectionsWithin(maxOpenFiles: number): number {
  return Math.max(MIN_CONNECTIONS, Math.floor((maxOpenFiles - RESERVED_FILES) / 2))
}

function httpDefaults({ canEndIdleGently }: EngineAbilities): Section {
  return [
    'defaults',
    'mode http',
    'timeout connect 3s',
    'timeout http-request 30s',
    'timeout http-keep-alive 30s',
    'timeout client 10m',
    'timeout server 10m',
    'timeout tunnel 1h',
    'timeout queue 10s',
    'retries 3',
    'option redispatch 1',
    'retry-on conn-failure empty-response',
    'option dontlognull',
    // Without it a reload closes idle connections just as a client may be sending on one.
    ...(canEndIdleGently ? ['option idle-close-on-response'] : []),
    ...ERROR_STATUSES.map(
      (status) => `http-error status ${status} ${page(`Error ${status}.`)} ${MARK} error`,
    ),
    `http-error status 503 ${page('This site has nothing running that could answer.')} ${MARK} no-endpoint`,
  ]
}

function page(words: string): string {
  const html = `<!doctype html><meta charset=utf-8><title>Polis</title><p>${words}</p>`
  return `content-type "text/html; charset=utf-8" string '${html}'`
}

function httpFrontend(input: EdgeFileInput, folder: string): Section {
  const { parameters, layout, runsAs } = input
  const { httpAddress, httpPort, httpsPort } = parameters
  const bind = (port: number) => {
    const bound = `bind ${toHostPort(httpAddress, port)}`
    return httpAddress === '::' ? `${bound} v4v6` : bound
  }
  const certificates = join(folder, CERTIFICATES_FILE)
  const hosts = join(folder, HOSTS_FILE)
  const wildcards = join(folder, WILDCARDS_FILE)
  const late = join(layout.jailDir, LATE_SOCKET)
  const lateOwner = runsAs === undefined ? '' : ` user ${runsAs.user} group ${runsAs.group}`
  return [
    `frontend ${HTTP_FRONTEND}`,
    bind(httpPort),
    `${bind(httpsPort)} ssl crt-list ${certificates} strict-sni alpn h2,http/1.1`,
    `bind unix@${late} id ${LATE_BIND_ID} accept-proxy mode 600${lateOwner}`,
    `acl is_late so_id ${LATE_BIND_ID}`,
    'acl is_leaving stopping',
    // Asked nowhere: HAProxy lets only files be changed that something names, and there may be no gateway yet.
    `acl is_admitted src,concat(_) -m str -f ${join(folder, ADMITTED_FILE)}`,
    'log stdout len 8192 format raw local0 info',
    `log-format '${HTTP_LOG}'`,
    'http-request set-log-level silent if is_leaving',
    'http-request set-header X-Request-Id %[uuid()] unless { req.hdr(x-request-id) -m reg ^[A-Za-z0-9._:-]{1,128}$ }',
    'http-request set-var(txn.id) req.hdr(x-request-id)',
    'http-request set-var(txn.host) req.hdr(host),field(1,:),lower,regsub(\\.$,)',
    'http-request set-var(txn.path) path,bytes(0,1024),json(utf8s)',
    'http-request set-header X-Forwarded-For %[src]',
    'http-request set-header X-Forwarded-Host %[req.hdr(host)]',
    'http-request set-header X-Forwarded-Proto http unless is_late',
    'http-request set-header X-Forwarded-Proto https if { ssl_fc }',
    `http-request set-var(txn.backend) var(txn.host),map_str(${hosts})`,
    `http-request set-var(txn.backend) var(txn.host),map_end(${wildcards}) unless { var(txn.backend) -m found }`,
    `http-request return status 404 ${page('No site is served here under this name.')} ${MARK} no-route unless is_leaving or { var(txn.backend) -m found }`,
    'http-response del-header x-polis-edge unless is_leaving',
    'http-after-response set-header X-Request-Id %[var(txn.id)] if { var(txn.id) -m found }',
    `use_backend ${SUCCESSOR} if is_leaving`,
    'use_backend %[var(txn.backend)]',
  ]
}

/**
 * A worker that a reload replaced holds the table of that moment, and its commands no longer work on it. What still
 * comes in on connections it has goes to the worker that is current, by a socket in the folder both are confined to.
 */
function successorBackend({ layout, runsAs }: EdgeFileInput): Section {
  const late = runsAs === undefined ? join(layout.jailDir, LATE_SOCKET) : `/${LATE_SOCKET}`
  return [`backend ${SUCCESSOR}`, `server ${SUCCESSOR} unix@${late} send-proxy-v2`]
}

// Numbers are bare, texts escaped by HAProxy; what comes from a client passes through json().
const HTTP_LOG = [
  '{"at":%Ts.%ms,"id":"%[var(txn.id)]","client":"%ci","method":"%HM"',
  '"host":"%[var(txn.host),json(utf8s)]","path":"%[var(txn.path)]"',
  '"status":%ST,"ms":%Ta,"bytes":%B,"isTls":%[ssl_fc,iif(true,false)],"server":"%s"}',
].join(',')

const TCP_LOG =
  '{"at":%Ts.%ms,"client":"%ci","port":%fp,"ms":%Tt,"bytes":%B,"ended":"%ts","server":"%s"}'

function httpBackend(name: string, rest: Rest): Section {
  return [
    `backend ${name}`,
    'balance roundrobin',
    // What was sent may have been acted upon: only a request that changes nothing is sent again.
    'http-request disable-l7-retry if !METH_GET',
    ...serverLines(name, rest),
  ]
}

function tcpDefaults(): Section {
  return [
    'defaults',
    'mode tcp',
    'timeout connect 3s',
    'timeout client 24h',
    'timeout server 24h',
    'timeout queue 10s',
    'option clitcpka',
    'option srvtcpka',
    'option splice-auto',
    'retries 3',
    'option redispatch 1',
  ]
}

function portSections(bind: ServerTarget, rest: Rest): readonly Section[] {
  const name = portBackend(bind)
  return [
    [
      `frontend ${name}`,
      `bind ${toHostPort(bind.address, bind.port)}`,
      'log stdout len 8192 format raw local0 info',
      'option dontlognull',
      `log-format '${TCP_LOG}'`,
      `default_backend ${name}`,
    ],
    [`backend ${name}`, 'balance roundrobin', ...serverLines(name, rest)],
  ]
}

function gatewaySections(
  port: number,
  { gatewayAddress = '' }: HaproxyParameters,
  rest: Rest,
): readonly Section[] {
  const name = gatewayBackend(port)
  const admitted = join(rest.folder, ADMITTED_FILE)
  return [
    [
      `frontend ${name}`,
      `bind ${toHostPort(gatewayAddress, port)}`,
      `tcp-request connection reject unless { src,concat(_${port}) -m str -f ${admitted} }`,
      `default_backend ${name}`,
    ],
    [`backend ${name}`, 'balance roundrobin', ...serverLines(name, rest)],
  ]
}

function serverLines(backend: string, { servers }: Rest): readonly string[] {
  return [...(servers.get(backend) ?? [])].map(
    ([name, target]) => `server ${serverLine(name, target)}`,
  )
}

function toHostPort(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
}
