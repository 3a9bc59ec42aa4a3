// What an installation made in Docker and in the kernel, by its own marks; nothing else is ever touched.
import { readdirSync, readFileSync } from 'node:fs'
import { DockerClient } from '@polis/engine-docker/client'
import { run } from '@polis/lib/run'
import { until } from '@polis/lib/until'
import { z } from 'zod'
import { findIncarnation, sendSignal } from '../supervisor/incarnation.ts'

export interface Leftovers {
  readonly services: readonly string[]
  readonly containers: readonly string[]
  readonly networks: readonly string[]
}

const LABEL = 'polis.installation'
const Services = z.array(z.object({ ID: z.string() }))
const Objects = z.array(z.object({ Id: z.string() }))

/** Empty while no engine serves. */
export async function findLeftovers(
  socketPath: string,
  installationUid: string,
  signal: AbortSignal,
): Promise<Leftovers> {
  const docker = new DockerClient({ socketPath })
  const filters = JSON.stringify({ label: [`${LABEL}=${installationUid}`] })
  const list = async <T>(path: string, schema: z.ZodType<readonly T[]>): Promise<readonly T[]> => {
    try {
      return await docker.request('GET', path, {
        schema,
        query: { filters, ...(path === '/containers/json' ? { all: true } : {}) },
        signal,
      })
    } catch {
      signal.throwIfAborted()
      return []
    }
  }
  return {
    services: (await list('/services', Services)).map(({ ID }) => ID),
    containers: (await list('/containers/json', Objects)).map(({ Id }) => Id),
    networks: (await list('/networks', Objects)).map(({ Id }) => Id),
  }
}

/** Services first: Swarm would start their containers again. Volumes with data in them stay. */
export async function removeLeftovers(
  socketPath: string,
  installationUid: string,
  signal: AbortSignal,
): Promise<void> {
  const docker = new DockerClient({ socketPath })
  const isEmpty = async (): Promise<boolean> => {
    const { services, containers, networks } = await findLeftovers(
      socketPath,
      installationUid,
      signal,
    )
    const paths = [
      ...services.map((id) => `/services/${id}`),
      ...containers.map((id) => `/containers/${id}?force=1`),
      ...networks.map((id) => `/networks/${id}`),
    ]
    // A network is in use until Swarm has seen the last task end: the next round takes it.
    await Promise.allSettled(paths.map((path) => docker.send('DELETE', path, { signal })))
    // The swarm itself uses one of them.
    if (services.length + containers.length === 0)
      await leaveOwnSwarm(docker, installationUid, signal)
    return paths.length === 0
  }
  const what = 'everything Polis made in Docker is gone'
  await until(isEmpty, { deadlineMs: 60_000, everyMs: 500, signal, what })
}

const Swarm = z.object({ Spec: z.object({ Labels: z.record(z.string(), z.string()).nullish() }) })

/** Only the swarm that this installation began; one that was there before is left as it is. */
async function leaveOwnSwarm(
  docker: DockerClient,
  installationUid: string,
  signal: AbortSignal,
): Promise<void> {
  try {
    const { Spec } = await docker.request('GET', '/swarm', { schema: Swarm, signal })
    if (Spec.Labels?.[LABEL] !== installationUid) return
    await docker.send('POST', '/swarm/leave', { query: { force: true }, signal })
    // What closed the swarm's ports to the outside.
    await run('nft', ['delete', 'table', 'inet', 'polis_swarm'], { signal })
  } catch {
    signal.throwIfAborted()
  }
}

/** Programs whose command line names a file below the folder: the edge. */
export function findPrograms(folder: string): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .map(Number)
    .filter((pid) => {
      try {
        const args = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
        return args.some((arg) => arg.startsWith(`${folder}/`))
      } catch {
        return false
      }
    })
}

export async function endPrograms(folder: string, signal: AbortSignal): Promise<void> {
  const isGone = (): boolean => {
    const running = findPrograms(folder)
    for (const pid of running) {
      const incarnation = findIncarnation(pid)
      if (incarnation !== undefined) sendSignal(incarnation, 'SIGTERM')
    }
    return running.length === 0
  }
  const what = `programs of ${folder} end`
  await until(isGone, { deadlineMs: 20_000, everyMs: 200, signal, what })
}

/** Mounts below the folder, innermost first. */
export function findMounts(folder: string): readonly string[] {
  const unescape = (path: string): string =>
    path.replaceAll(/\\(?<octal>[0-7]{3})/g, (_, octal: string) =>
      String.fromCodePoint(Number.parseInt(octal, 8)),
    )
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => unescape(line.split(' ')[4] ?? ''))
    .filter((path) => path.startsWith(`${folder}/`))
    .toReversed()
}

/** Throws when one cannot be unmounted: nothing may be deleted through a mount. */
export async function unmountAll(folder: string, signal: AbortSignal): Promise<void> {
  for (const path of findMounts(folder)) await run('umount', [path], { signal })
}
