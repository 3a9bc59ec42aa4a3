import type { Readable } from 'node:stream'
import { PolisError } from '@polis/lib/error'
import { z } from 'zod'
import type { DockerClient } from './client.ts'
import { followProgress, Progress, type OnLine } from './images.ts'

export interface BuildOptions {
  /** References the image gets: `repository:tag`. */
  readonly tags: readonly string[]
  readonly labels?: Readonly<Record<string, string>>
  readonly args?: Readonly<Record<string, string>>
  /** A stage of a Dockerfile of several. */
  readonly target?: string
  /** In the context; `Dockerfile` by default. */
  readonly dockerfile?: string
  /** What RUN steps may reach; `host` is the node's own network. */
  readonly network?: 'host' | 'none' | 'default'
  readonly isCacheIgnored?: boolean
}

const Built = z.object({ ID: z.string() })

/**
 * Builds a tar of a build context and returns the image's id. Base images the engine has are not looked up elsewhere.
 * Throws InvalidArgument when the Dockerfile or one of its steps fails; the last lines told why.
 */
export async function buildImage(
  docker: DockerClient,
  context: Readable,
  options: BuildOptions,
  onLine: OnLine,
  signal: AbortSignal,
): Promise<string> {
  const query = {
    buildargs: JSON.stringify(options.args ?? {}),
    dockerfile: options.dockerfile,
    forcerm: true,
    labels: JSON.stringify(options.labels ?? {}),
    networkmode: options.network,
    nocache: options.isCacheIgnored,
    t: options.tags,
    target: options.target,
  }
  const asked = { upload: context, query, schema: Progress, signal }
  const lines = await docker.lines('POST', '/build', asked)
  try {
    return Built.parse(await followProgress(lines, onLine)).ID
  } catch (error) {
    // What a build says in no words known is about what it was given.
    if (!(error instanceof PolisError) || error.code !== 'Internal') throw error
    throw new PolisError('InvalidArgument', error.message, { cause: error.cause })
  }
}
