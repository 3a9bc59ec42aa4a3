// What an installation consists of on this host.
import { basename } from 'node:path'
import type { Home } from '../home.ts'
import { buildId, programPath } from '../places.ts'
import type { Service } from './service.ts'

type Environment = Readonly<Record<string, string | undefined>>

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
const PROXIES = ['http_proxy', 'https_proxy', 'no_proxy', 'HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY']

/**
 * V8 lets its young generation grow past 100 MB under a few thousand calls and keeps it: half of what each process may
 * take. At 2 MB both stay near 100 MB, at no cost that could be measured.
 */
const YOUNG_SPACE = '--max-semi-space-size=2'

/** Nothing of the shell that happened to start it, but the way to the outside. */
export function serviceEnv(env: Environment): Readonly<Record<string, string>> {
  const proxies = PROXIES.flatMap((name) => {
    const value = env[name]
    return value === undefined ? [] : [[name, value] as const]
  })
  return { PATH, HOME: '/root', LANG: 'C.UTF-8', ...Object.fromEntries(proxies) }
}

/** `polis server` and `polis agent`, two processes that survive each other's restarts. */
export function polisServices(home: Home, env: Environment): readonly Service[] {
  const common = {
    program: process.execPath,
    env: { ...serviceEnv(env), NODE_ENV: 'production', POLIS_HOME: home.root },
    restartsOnChange: true,
    stopTimeoutMs: 15_000,
    stalePidFiles: [],
    build: buildId(),
  }
  return [
    {
      name: 'server',
      description: 'Polis server',
      args: [YOUNG_SPACE, programPath('server')],
      ...common,
    },
    {
      name: 'agent',
      description: 'Polis agent',
      args: [YOUNG_SPACE, programPath('agent')],
      ...common,
    },
  ]
}

export interface EnginePaths {
  readonly containerd: string
  readonly dockerd: string
  /** False when /etc/docker/daemon.json says where to listen. */
  readonly saysHost: boolean
  readonly dockerSocketPath: string
  readonly containerdSocketPath: string
}

const ENGINE_STOP_MS = 60_000

export function engineServices(paths: EnginePaths, env: Environment): readonly Service[] {
  const common = {
    env: serviceEnv(env),
    restartsOnChange: false,
    stopTimeoutMs: ENGINE_STOP_MS,
    build: '',
  }
  const host = paths.saysHost ? [`--host=unix://${paths.dockerSocketPath}`] : []
  return [
    {
      name: basename(paths.containerd),
      description: 'containerd',
      program: paths.containerd,
      args: [`--address=${paths.containerdSocketPath}`],
      stalePidFiles: [],
      ...common,
    },
    {
      name: basename(paths.dockerd),
      description: 'Docker Engine',
      program: paths.dockerd,
      args: [...host, `--containerd=${paths.containerdSocketPath}`],
      // As --pidfile says; systemd would take it away by PIDFile=.
      stalePidFiles: ['/run/docker.pid'],
      ...common,
    },
  ]
}
