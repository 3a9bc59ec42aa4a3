import { type DockerClient, dockerPath } from '@polis/engine-docker/client'
import { pullImage } from '@polis/engine-docker/images'
import type { ResolvedImage } from '@polis/hal/orchestrator'
import { PolisError } from '@polis/lib/error'
import { z } from 'zod'
import { hasCode } from './errors.ts'

const Inspected = z.object({
  Id: z.string(),
  RepoDigests: z.array(z.string()).nullish(),
  Size: z.number(),
  Config: z
    .object({
      ExposedPorts: z.record(z.string(), z.unknown()).nullish(),
      Healthcheck: z.object({ Test: z.array(z.string()).nullish() }).nullish(),
    })
    .nullish(),
})
type Inspected = z.infer<typeof Inspected>

/** Local first, and nothing outside is asked for what is there; then the registry the reference names. */
export async function resolveImage(
  docker: DockerClient,
  reference: string,
  signal: AbortSignal,
): Promise<ResolvedImage> {
  const local = await findLocal(docker, reference, signal)
  if (local !== undefined) return toResolved(local)
  // An id says nothing of where the image could come from.
  if (isId(reference)) throw notFound(reference)
  try {
    await pullImage(docker, withTag(reference), {}, signal)
  } catch (cause) {
    signal.throwIfAborted()
    if (hasCode(cause, 'InvalidArgument')) throw cause
    // Only the registry may be silent: when it is the engine, the call is worth repeating.
    await docker.ping(signal)
    throw notFound(reference, cause)
  }
  const pulled = await findLocal(docker, reference, signal)
  if (pulled === undefined) throw notFound(reference)
  return toResolved(pulled)
}

const isId = (reference: string): boolean => /^sha256:[0-9a-f]+$/.test(reference)

/** Without a tag the engine would pull all tags. */
function withTag(reference: string): string {
  const lastPart = reference.split('/').at(-1) ?? ''
  return lastPart.includes(':') || reference.includes('@') ? reference : `${reference}:latest`
}

async function findLocal(
  docker: DockerClient,
  reference: string,
  signal: AbortSignal,
): Promise<Inspected | undefined> {
  const path = dockerPath`/images/${reference}/json`
  try {
    return await docker.request('GET', path, { schema: Inspected, signal })
  } catch (error) {
    if (hasCode(error, 'NotFound')) return undefined
    throw error
  }
}

function toResolved({ Id, RepoDigests, Size, Config }: Inspected): ResolvedImage {
  const test = Config?.Healthcheck?.Test ?? []
  return {
    // Other nodes can fetch a digest; an id is only here.
    pinned: RepoDigests?.[0] ?? Id,
    imageId: Id,
    exposedPorts: Object.keys(Config?.ExposedPorts ?? {}),
    hasHealthCheck: test.length > 0 && test[0] !== 'NONE',
    sizeBytes: Size,
  }
}

function notFound(reference: string, cause?: unknown): PolisError {
  return new PolisError('NotFound', `no image ${reference}`, {
    hint: 'build it, or check the name',
    ...(cause === undefined ? {} : { cause }),
  })
}
