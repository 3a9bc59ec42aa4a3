import type { Readable } from 'node:stream'
import { PolisError } from '@polis/lib/error'
import { z } from 'zod'
import { dockerPath, type DockerClient } from './client.ts'

const Inspected = z
  .object({
    Id: z.string(),
    RepoTags: z.array(z.string()).nullish(),
    RepoDigests: z.array(z.string()).nullish(),
    Created: z.string().nullish(),
    Size: z.number(),
    Architecture: z.string(),
    Config: z
      .object({
        Labels: z.record(z.string(), z.string()).nullish(),
        ExposedPorts: z.record(z.string(), z.unknown()).nullish(),
        Volumes: z.record(z.string(), z.unknown()).nullish(),
      })
      .nullish(),
  })
  .transform((found) => ({
    /** `sha256:…` */
    id: found.Id,
    references: found.RepoTags ?? [],
    /** `repository@sha256:…`, for each registry it came from or went to. */
    digests: found.RepoDigests ?? [],
    sizeBytes: found.Size,
    architecture: found.Architecture,
    labels: found.Config?.Labels ?? {},
    /** `5432/tcp` */
    ports: Object.keys(found.Config?.ExposedPorts ?? {}),
    /** Paths the image declares as volumes. */
    volumes: Object.keys(found.Config?.Volumes ?? {}),
  }))

export type Image = z.infer<typeof Inspected>

/** One line of what an engine tells while it pulls, pushes, loads or builds. */
export const Progress = z.object({
  stream: z.string().optional(),
  status: z.string().optional(),
  id: z.string().optional(),
  progress: z.string().optional(),
  aux: z.record(z.string(), z.unknown()).optional(),
})
type Progress = z.infer<typeof Progress>

/** Gets each line for people, layer progress bars left out. */
export type OnLine = (line: string) => void

export interface RegistryLogin {
  readonly username: string
  readonly password: string
}

/** By id or reference; throws NotFound. */
export async function getImage(
  docker: DockerClient,
  reference: string,
  signal: AbortSignal,
): Promise<Image> {
  return docker.request('GET', dockerPath`/images/${reference}/json`, { schema: Inspected, signal })
}

export async function findImage(
  docker: DockerClient,
  reference: string,
  signal: AbortSignal,
): Promise<Image | undefined> {
  try {
    return await getImage(docker, reference, signal)
  } catch (error) {
    if (error instanceof PolisError && error.code === 'NotFound') return undefined
    throw error
  }
}

function toText({ stream, status, id, progress }: Progress): string {
  if (stream !== undefined) return stream.trimEnd()
  if (status === undefined || progress !== undefined) return ''
  return id === undefined ? status : `${id}: ${status}`
}

/** Reads a progress stream to its end, which throws what went wrong, and gives its `aux` values. */
export async function followProgress(
  lines: AsyncIterable<Progress>,
  onLine: OnLine,
): Promise<Readonly<Record<string, unknown>>> {
  let aux: Readonly<Record<string, unknown>> = {}
  for await (const line of lines) {
    aux = { ...aux, ...line.aux }
    const text = toText(line)
    if (text !== '') onLine(text)
  }
  return aux
}

function toHeaders(login: RegistryLogin | undefined): Readonly<Record<string, string>> {
  const auth = Buffer.from(JSON.stringify(login ?? {})).toString('base64url')
  return { 'x-registry-auth': auth }
}

interface TransferOptions {
  readonly login?: RegistryLogin
  readonly onLine?: OnLine
}

/** Fetches `reference` from its registry; safe to repeat. The reference names tag or digest. */
export async function pullImage(
  docker: DockerClient,
  reference: string,
  options: TransferOptions,
  signal: AbortSignal,
): Promise<Image> {
  const query = { fromImage: reference }
  const headers = toHeaders(options.login)
  const asked = { query, headers, schema: Progress, signal }
  const lines = await docker.lines('POST', '/images/create', asked)
  await followProgress(lines, options.onLine ?? (() => undefined))
  return getImage(docker, reference, signal)
}

const Pushed = z.object({ Digest: z.string() })

/** Sends a tagged image to the registry its reference names; returns the manifest's digest, `sha256:…`. */
export async function pushImage(
  docker: DockerClient,
  reference: { readonly repository: string; readonly tag: string },
  options: TransferOptions,
  signal: AbortSignal,
): Promise<string> {
  const asked = {
    query: { tag: reference.tag },
    headers: toHeaders(options.login),
    schema: Progress,
    signal,
  }
  const path = dockerPath`/images/${reference.repository}/push`
  const aux = await followProgress(
    await docker.lines('POST', path, asked),
    options.onLine ?? (() => undefined),
  )
  return Pushed.parse(aux).Digest
}

/** Gives an image one more reference; safe to repeat. */
export async function tagImage(
  docker: DockerClient,
  image: string,
  reference: { readonly repository: string; readonly tag: string },
  signal: AbortSignal,
): Promise<void> {
  const query = { repo: reference.repository, tag: reference.tag }
  await docker.send('POST', dockerPath`/images/${image}/tag`, { query, signal })
}

/** Removes a reference, and the image with its last one; safe to repeat. FailedPrecondition while a container has it. */
export async function removeImage(
  docker: DockerClient,
  reference: string,
  signal: AbortSignal,
): Promise<void> {
  try {
    await docker.send('DELETE', dockerPath`/images/${reference}`, { signal })
  } catch (error) {
    if (!(error instanceof PolisError) || error.code !== 'NotFound') throw error
  }
}

/** An archive of images that `loadImages` reads, on this engine or another. */
export async function saveImages(
  docker: DockerClient,
  references: readonly string[],
  signal: AbortSignal,
): Promise<Readable> {
  return docker.open('GET', '/images/get', { query: { names: references }, signal })
}

/** Takes in an archive of `saveImages`; safe to repeat. */
export async function loadImages(
  docker: DockerClient,
  archive: Readable,
  signal: AbortSignal,
): Promise<void> {
  const options = { upload: archive, query: { quiet: true }, schema: Progress, signal }
  await followProgress(await docker.lines('POST', '/images/load', options), () => undefined)
}

/** Makes an image of one layer from a root file system's tar; `changes` are Dockerfile lines (CMD, ENV, LABEL). */
export async function importImage(
  docker: DockerClient,
  rootFileSystem: Readable,
  reference: { readonly repository: string; readonly tag: string },
  changes: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const { repository: repo, tag } = reference
  const query = { fromSrc: '-', repo, tag, changes }
  const options = { upload: rootFileSystem, query, schema: Progress, signal }
  await followProgress(await docker.lines('POST', '/images/create', options), () => undefined)
}
