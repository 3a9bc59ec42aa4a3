// Brings up containerd and dockerd where they do not run.
import { existsSync, readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { PolisError } from '@polis/lib/error'
import { run } from '@polis/lib/run'
import { until } from '@polis/lib/until'
import { z } from 'zod'
import { findJson } from '../files.ts'
import { type DockerEngine, findEngine } from '../host/docker-engine.ts'
import { engineServices } from '../services/service-list.ts'
import type { Service, ServiceRunner } from '../services/service.ts'
import { findIncarnation, programOf } from '../supervisor/incarnation.ts'
import { isServiceRunning } from '../supervisor/kept-service.ts'

export interface EngineDeps {
  readonly runner: ServiceRunner
  readonly runDir: string
  readonly logsDir: string
  readonly dockerSocketPath: string
  readonly containerdSocketPath: string
  readonly env: Readonly<Record<string, string | undefined>>
}

const START_MS = 60_000
const DAEMON_FILE = '/etc/docker/daemon.json'
const PID_FILE = '/run/docker.pid'

/** What Polis itself has to keep running for Docker to serve: nothing, where somebody else does. */
export async function planEngine(deps: EngineDeps): Promise<readonly Service[]> {
  if (deps.runner.type === 'systemd') return []
  const { dockerSocketPath, containerdSocketPath, runDir, env } = deps
  const services = engineServices(
    {
      containerd: '/usr/bin/containerd',
      dockerd: existsSync('/usr/sbin/dockerd') ? '/usr/sbin/dockerd' : '/usr/bin/dockerd',
      saysHost: findJson(DAEMON_FILE, z.looseObject({ hosts: z.array(z.string()) })) === undefined,
      dockerSocketPath,
      containerdSocketPath,
    },
    env,
  )
  const isOurs = (name: string): boolean => isServiceRunning(runDir, name)
  const hasOtherDockerd = !isOurs('dockerd') && (await isDockerdThere(dockerSocketPath))
  // Its containerd is its own affair too.
  if (hasOtherDockerd) return services.filter(({ name }) => isOurs(name))
  const hasOtherContainerd = !isOurs('containerd') && (await accepts(containerdSocketPath))
  return services.filter(({ name }) => name !== 'containerd' || !hasOtherContainerd)
}

/** Serving, or about to: its pid file names a dockerd that runs. */
async function isDockerdThere(socketPath: string): Promise<boolean> {
  if ((await findEngine(socketPath)) !== undefined) return true
  try {
    const pid = Number(readFileSync(PID_FILE, 'utf8').trim())
    return findIncarnation(pid) !== undefined && programOf(pid)?.endsWith('/dockerd') === true
  } catch {
    return false
  }
}

/** Where systemd runs, Docker is its to start. */
export async function startDistributionEngine(signal: AbortSignal): Promise<void> {
  await run('systemctl', ['start', 'docker.service'], { signal })
}

/** The engine, once it serves. */
export async function untilEngineServes(
  deps: EngineDeps,
  signal: AbortSignal,
): Promise<DockerEngine> {
  const { dockerSocketPath, logsDir } = deps
  try {
    return await until(() => findEngine(dockerSocketPath), {
      deadlineMs: START_MS,
      everyMs: 100,
      signal,
      what: 'Docker serves',
    })
  } catch (cause) {
    signal.throwIfAborted()
    const log = deps.runner.type === 'systemd' ? 'journalctl -u docker' : `${logsDir}/dockerd.log`
    throw new PolisError('Unavailable', `Docker does not serve at ${dockerSocketPath}`, {
      cause,
      hint: `look into ${log}`,
    })
  }
}

function accepts(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(socketPath)
    const settle = (isOpen: boolean): void => {
      socket.destroy()
      resolve(isOpen)
    }
    socket.once('connect', () => settle(true))
    socket.once('error', () => settle(false))
  })
}
