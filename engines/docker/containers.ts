// Plain containers (not Swarm's): what devices and edges run in.
import { createHash } from 'node:crypto'
import { PolisError } from '@polis/lib/error'
import { until } from '@polis/lib/until'
import { z } from 'zod'
import { dockerPath, type DockerClient } from './client.ts'
import { lastOutput } from './container-logs.ts'
import { toCreateBody, type ContainerSpec } from './container-spec.ts'
import { ContainerState, type Container } from './container-state.ts'

const Created = z.object({ Id: z.string() })
const Listed = z.array(z.object({ Id: z.string() }))

/** Label with the hash of the spec a container was made from. */
const SPEC_LABEL = 'polis.container-spec'

/** By id, unambiguous id prefix or name; throws NotFound. */
export async function getContainer(
  docker: DockerClient,
  name: string,
  signal: AbortSignal,
): Promise<Container> {
  return docker.request('GET', dockerPath`/containers/${name}/json`, {
    schema: ContainerState,
    signal,
  })
}

export async function findContainer(
  docker: DockerClient,
  name: string,
  signal: AbortSignal,
): Promise<Container | undefined> {
  try {
    return await getContainer(docker, name, signal)
  } catch (error) {
    if (error instanceof PolisError && error.code === 'NotFound') return undefined
    throw error
  }
}

/** Containers, stopped ones too, that carry all of `labels`. */
export async function listContainers(
  docker: DockerClient,
  labels: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<readonly Container[]> {
  const label = Object.entries(labels).map(([name, value]) => `${name}=${value}`)
  const options = { query: { all: true }, filters: { label }, schema: Listed, signal }
  const listed = await docker.request('GET', '/containers/json', options)
  const found = await Promise.all(listed.map(({ Id }) => findContainer(docker, Id, signal)))
  return found.filter((container) => container !== undefined)
}

/**
 * Makes the container `name` as `spec` says and starts it; safe to repeat. One made from another spec is replaced.
 * One of that name without all labels of `owner` belongs to someone else: AlreadyExists, and it is not touched.
 */
export async function ensureContainer(
  docker: DockerClient,
  name: string,
  owner: Readonly<Record<string, string>>,
  spec: ContainerSpec,
  signal: AbortSignal,
): Promise<Container> {
  const hash = createHash('sha256')
    .update(JSON.stringify([owner, spec]))
    .digest('hex')
  const found = await findContainer(docker, name, signal)
  if (found !== undefined && found.labels[SPEC_LABEL] === hash) {
    if (!found.isRunning) await startContainer(docker, name, signal)
    return getContainer(docker, name, signal)
  }
  if (found !== undefined) {
    if (Object.entries(owner).some(([label, value]) => found.labels[label] !== value)) {
      throw new PolisError(
        'AlreadyExists',
        `a container named ${name} exists and is someone else's`,
        {
          path: name,
        },
      )
    }
    await removeContainer(docker, found.id, signal)
  }
  const json = toCreateBody(spec, { ...spec.labels, ...owner, [SPEC_LABEL]: hash })
  const options = { query: { name }, json, schema: Created, signal }
  const { Id } = await docker.request('POST', '/containers/create', options)
  await startContainer(docker, Id, signal)
  return getContainer(docker, Id, signal)
}

/** Safe to repeat. */
export async function startContainer(
  docker: DockerClient,
  name: string,
  signal: AbortSignal,
): Promise<void> {
  await docker.send('POST', dockerPath`/containers/${name}/start`, { signal })
}

/** Asks it to end, and kills it after `graceSeconds`; safe to repeat. */
export async function stopContainer(
  docker: DockerClient,
  name: string,
  graceSeconds: number,
  signal: AbortSignal,
): Promise<void> {
  const query = { t: graceSeconds }
  await docker.send('POST', dockerPath`/containers/${name}/stop`, { query, signal })
}

/** Kills it if it runs and removes it with its anonymous volumes; safe to repeat. Named volumes stay. */
export async function removeContainer(
  docker: DockerClient,
  name: string,
  signal: AbortSignal,
): Promise<void> {
  const query = { force: true, v: true }
  try {
    await docker.send('DELETE', dockerPath`/containers/${name}`, { query, signal })
  } catch (error) {
    const isGone = error instanceof PolisError && error.code === 'NotFound'
    const isGoing = error instanceof PolisError && error.code === 'Aborted'
    if (!isGone && !isGoing) throw error
  }
}

/**
 * Waits until it runs and, where it has a health check, is healthy.
 * Throws FailedPrecondition with its last output as soon as it has ended for good, DeadlineExceeded otherwise.
 */
export async function untilContainerReady(
  docker: DockerClient,
  name: string,
  deadlineMs: number,
  signal: AbortSignal,
): Promise<Container> {
  const probe = async (): Promise<Container | undefined> => {
    const container = await getContainer(docker, name, signal)
    const hasEnded = container.status === 'exited' || container.status === 'dead'
    const isReady = container.isRunning && (container.health ?? 'healthy') === 'healthy'
    return hasEnded || isReady ? container : undefined
  }
  const container = await until(probe, {
    deadlineMs,
    everyMs: 100,
    signal,
    what: `${name} is ready`,
  })
  if (container.isRunning) return container
  const words = await lastOutput(docker, name, signal)
  throw new PolisError('FailedPrecondition', `${name} ended (${container.exitCode}): ${words}`)
}
