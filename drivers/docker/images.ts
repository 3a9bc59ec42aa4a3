import { type DockerClient, dockerPath } from '@polis/engine-docker/client'
import { findImage, removeImage } from '@polis/engine-docker/images'
import type { BuiltImage } from '@polis/hal/builder'
import { PolisError } from '@polis/lib/error'
import { z } from 'zod'

export const IMAGE_LABEL = 'polis.image'

const Listed = z.array(
  z.object({
    Id: z.string(),
    Size: z.number(),
    Labels: z.record(z.string(), z.string()).nullish(),
  }),
)
const Containers = z.array(z.object({ ImageID: z.string(), Names: z.array(z.string()) }))

type Labels = Readonly<Record<string, string>>

export async function listBuilt(
  docker: DockerClient,
  owner: Labels,
  signal: AbortSignal,
): Promise<BuiltImage[]> {
  const label = Object.entries(owner).map(([name, value]) => `${name}=${value}`)
  const options = { filters: { label: [...label, IMAGE_LABEL] }, schema: Listed, signal }
  const found = await docker.request('GET', '/images/json', options)
  return found.map(({ Id, Size, Labels: labels }) => ({
    uid: labels?.[IMAGE_LABEL] ?? '',
    imageId: Id,
    sizeBytes: Size,
  }))
}

async function findUser(
  docker: DockerClient,
  imageId: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  const options = {
    query: { all: true },
    filters: { ancestor: [imageId] },
    schema: Containers,
    signal,
  }
  const containers = await docker.request('GET', '/containers/json', options)
  return containers.find(({ ImageID }) => ImageID === imageId)?.Names[0]?.replace(/^\//, '')
}

/** Whether a container, running or not, stands on one of these layers itself. */
export async function areUsed(
  docker: DockerClient,
  layers: readonly string[],
  signal: AbortSignal,
): Promise<boolean> {
  const options = { query: { all: true }, schema: Containers, signal }
  const containers = await docker.request('GET', '/containers/json', options)
  return containers.some(({ ImageID }) =>
    layers.some((layer) => ImageID.startsWith(`sha256:${layer}`)),
  )
}

/** Throws FailedPrecondition when a container has it, running or not, or when it is not an image of `owner`. */
export async function removeBuilt(
  docker: DockerClient,
  imageId: string,
  owner: Labels,
  signal: AbortSignal,
): Promise<void> {
  const image = await findImage(docker, imageId, signal)
  if (image === undefined) return
  if (Object.entries(owner).some(([label, value]) => image.labels[label] !== value)) {
    throw new PolisError('FailedPrecondition', `image ${imageId} was not built here`)
  }
  // Asked first: a removal by reference would take the name of an image that then stays.
  const user = await findUser(docker, imageId, signal)
  if (user !== undefined) {
    throw new PolisError('FailedPrecondition', `image ${imageId} is used by container ${user}`)
  }
  for (const reference of image.references) await removeImage(docker, reference, signal)
  await removeImage(docker, imageId, signal)
}

/** Removes layers that nothing stands on, latest first; what is in use stays. Returns how many do. */
export async function removeLayers(
  docker: DockerClient,
  layers: readonly string[],
  signal: AbortSignal,
): Promise<number> {
  let kept = 0
  for (const layer of layers.toReversed()) {
    try {
      const query = { noprune: true }
      await docker.send('DELETE', dockerPath`/images/${layer}`, { query, signal })
    } catch (error) {
      const isKept = error instanceof PolisError && error.code === 'FailedPrecondition'
      const isGone = error instanceof PolisError && error.code === 'NotFound'
      if (!isKept && !isGone) throw error
      if (isKept) kept += 1
    }
  }
  return kept
}
