import { dockerPath, type DockerClient } from './client.ts'
import { splitFrames, type OutputFrame } from './streams.ts'

export interface LogOptions {
  readonly isFollowed?: boolean
  /** Only the last so many lines. */
  readonly tail?: number
  readonly since?: Date
  readonly hasTimestamps?: boolean
}

/** What a container without a terminal has written. The request is made when this resolves. */
export async function containerLogs(
  docker: DockerClient,
  name: string,
  options: LogOptions,
  signal: AbortSignal,
): Promise<AsyncIterable<OutputFrame>> {
  const query = {
    stdout: true,
    stderr: true,
    follow: options.isFollowed ?? false,
    tail: options.tail ?? 'all',
    since: options.since === undefined ? undefined : options.since.getTime() / 1000,
    timestamps: options.hasTimestamps ?? false,
  }
  const path = dockerPath`/containers/${name}/logs`
  return splitFrames(await docker.open('GET', path, { query, signal }))
}

/** The last lines a container wrote, for an error message. */
export async function lastOutput(
  docker: DockerClient,
  name: string,
  signal: AbortSignal,
): Promise<string> {
  const frames: Buffer[] = []
  for await (const { bytes } of await containerLogs(docker, name, { tail: 10 }, signal)) {
    frames.push(bytes)
  }
  return Buffer.concat(frames).toString('utf8').trim()
}
