import { join } from 'node:path'

/** Where everything of one edge lies. */
export interface EdgeLayout {
  /** What the running edge was given: always current, so that a restart forgets nothing. */
  readonly liveDir: string
  /** Where a table is written to be tested before it goes live. */
  readonly candidateDir: string
  /** What was asked for last, and which backend serves which host. */
  readonly statePath: string
  /** The worker's root once it has started: empty but for the socket to its successor. */
  readonly jailDir: string
  readonly accessLogPath: string
  readonly masterSocket: string
  readonly pidPath: string
  /** What HAProxy said while starting. */
  readonly startLogPath: string
  readonly runDir: string
}

export function layoutOf(host: { readonly dataDir: string; readonly runDir: string }): EdgeLayout {
  const { dataDir, runDir } = host
  return {
    liveDir: join(dataDir, 'live'),
    candidateDir: join(dataDir, 'candidate'),
    statePath: join(dataDir, 'edge.json'),
    jailDir: join(runDir, 'jail'),
    accessLogPath: join(dataDir, 'access.log'),
    masterSocket: join(runDir, 'master.sock'),
    pidPath: join(runDir, 'edge.pid'),
    startLogPath: join(runDir, 'start.log'),
    runDir,
  }
}

/** Each shape of edge has a socket of its own, so that a command can never reach a worker that is about to leave. */
export function workerSocketOf(layout: EdgeLayout, shape: string): string {
  return join(layout.runDir, `worker-${shape}.sock`)
}

export const CONFIG_FILE = 'haproxy.cfg'
export const HOSTS_FILE = 'hosts.map'
export const WILDCARDS_FILE = 'wildcards.map'
export const ADMITTED_FILE = 'admitted.acl'
export const CERTIFICATES_FILE = 'certificates.list'
export const TLS_DIR = 'tls'
