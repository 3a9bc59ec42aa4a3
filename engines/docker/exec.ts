// Programs run inside a running container.
import { finished, type Duplex } from 'node:stream'
import { PolisError } from '@polis/lib/error'
import { z } from 'zod'
import { dockerPath, type DockerClient } from './client.ts'
import { fromSocketError } from './errors.ts'
import { splitFrames, type OutputFrame } from './streams.ts'

export interface ExecSpec {
  readonly command: readonly string[]
  /** Secrets go here or through the input, never into `command`: everyone on the node can read that. */
  readonly env?: Readonly<Record<string, string>>
  readonly user?: string
  readonly workingDir?: string
}

export interface ExecResult {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

const Created = z.object({ Id: z.string() })
const State = z.object({ Running: z.boolean(), ExitCode: z.number().nullable() })

/** A program running in a container with its three streams. */
export class ExecSession {
  /** Its standard input; `end()` it, or the program may wait for more. */
  readonly input: Duplex
  /** Read it to the end: a program whose output nobody reads stops. */
  readonly output: AsyncIterable<OutputFrame>
  readonly #docker: DockerClient
  readonly #id: string

  constructor(docker: DockerClient, id: string, socket: Duplex) {
    this.#docker = docker
    this.#id = id
    this.input = socket
    this.output = translateErrors(splitFrames(socket))
  }

  /** After `output` has ended. */
  async exitCode(signal: AbortSignal): Promise<number> {
    const path = dockerPath`/exec/${this.#id}/json`
    const state = await this.#docker.request('GET', path, { schema: State, signal })
    if (state.ExitCode === null || state.Running) {
      throw new PolisError('FailedPrecondition', 'the program still runs')
    }
    return state.ExitCode
  }
}

async function* translateErrors(frames: AsyncIterable<OutputFrame>): AsyncGenerator<OutputFrame> {
  try {
    yield* frames
  } catch (error) {
    throw fromSocketError(error, 'exec')
  }
}

/** Starts a program in a running container. An aborted signal cuts the streams. */
export async function startExec(
  docker: DockerClient,
  container: string,
  spec: ExecSpec,
  signal: AbortSignal,
): Promise<ExecSession> {
  const json = {
    AttachStdin: true,
    AttachStdout: true,
    AttachStderr: true,
    Cmd: spec.command,
    Env: Object.entries(spec.env ?? {}).map(([name, value]) => `${name}=${value}`),
    User: spec.user,
    WorkingDir: spec.workingDir,
  }
  const path = dockerPath`/containers/${container}/exec`
  const { Id } = await docker.request('POST', path, { json, schema: Created, signal })
  const start = { json: { Detach: false, Tty: false }, signal }
  const socket = await docker.upgrade(dockerPath`/exec/${Id}/start`, start)
  return new ExecSession(docker, Id, socket)
}

/** Runs a program in a running container to its end, whatever its exit code. */
export async function exec(
  docker: DockerClient,
  container: string,
  spec: ExecSpec & { readonly input?: string | Uint8Array },
  signal: AbortSignal,
): Promise<ExecResult> {
  const session = await startExec(docker, container, spec, signal)
  // A program that ends without reading its input is no failure.
  finished(session.input, () => undefined)
  session.input.end(spec.input)
  const chunks: Record<OutputFrame['stream'], Buffer[]> = { stdout: [], stderr: [] }
  for await (const { stream, bytes } of session.output) chunks[stream].push(bytes)
  const exitCode = await session.exitCode(signal)
  return {
    exitCode,
    stdout: Buffer.concat(chunks.stdout).toString('utf8'),
    stderr: Buffer.concat(chunks.stderr).toString('utf8'),
  }
}
