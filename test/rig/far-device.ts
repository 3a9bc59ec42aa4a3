/**
 * A driver's device inside a server: mounts belong to a mount namespace, and the addresses of containers to a network.
 *
 *     const server = useServer()
 *     const device = new FarDevice(server, { driver: 'postgresql', contract: databaseContract })
 *     await device.port.ensureDevice({}, signal)
 *     await device.kill()                        // SIGKILL; the next call finds a new process
 */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { AnyContract, Contract } from '@polis/hal/contract'
import type { DeviceCertificate } from '@polis/hal/driver'
import { ERROR_CODES, PolisError } from '@polis/lib/error'
import { newUid } from '@polis/lib/uid'
import { z } from 'zod'
import type { FarDriver } from './far-program.ts'
import { RECIPES } from './images.ts'
import type { RigServer } from './server.ts'

const Problem = z.object({ code: z.enum(ERROR_CODES), path: z.string(), message: z.string() })
const Failure = z.object({
  code: z.enum(ERROR_CODES),
  message: z.string(),
  problems: z.array(Problem),
})
const Message = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('answer'),
    id: z.number(),
    output: z.unknown().optional(),
    error: Failure.optional(),
  }),
  z.object({ type: z.literal('issueCertificate'), names: z.array(z.string()) }),
])
type Answer = Extract<z.infer<typeof Message>, { type: 'answer' }>

export interface FarDeviceOptions<Port> {
  readonly driver: FarDriver
  /** Unary methods only. */
  readonly contract: Contract<Port>
  readonly parameters?: Readonly<Record<string, unknown>>
  readonly issueCertificate?: (names: readonly string[]) => Promise<DeviceCertificate>
}

export class FarDevice<Port> implements AsyncDisposable {
  readonly installationUid: string
  readonly deviceUid: string
  /** Folders of the server. */
  readonly dataDir: string
  readonly runDir: string
  readonly port: Port
  readonly #server: RigServer
  readonly #options: FarDeviceOptions<Port>
  readonly #waiting = new Map<number, (answer: Answer) => void>()
  #program: Promise<ChildProcessWithoutNullStreams> | undefined
  #calls = 0

  constructor(
    server: RigServer,
    options: FarDeviceOptions<Port>,
    identity = { installationUid: newUid(), deviceUid: newUid() },
  ) {
    this.installationUid = identity.installationUid
    this.deviceUid = identity.deviceUid
    this.dataDir = `/var/lib/polis/far/${this.deviceUid}`
    this.runDir = `/run/polis-far/${this.deviceUid}`
    this.#server = server
    this.#options = options
    const shapes = options.contract as unknown as AnyContract
    const methods = Object.entries(shapes).map(([method, shape]) => {
      if (shape.type !== 'unary') throw new Error(`${method} streams: not from afar`)
      const call = async (input: unknown, signal: AbortSignal): Promise<unknown> =>
        shape.output.parse(await this.#call(method, input, signal))
      return [method, call]
    })
    this.port = Object.fromEntries(methods) as Port
  }

  /** The same device as it is opened after a change of its parameters; end this one's process before. */
  withParameters(parameters: Readonly<Record<string, unknown>>): FarDevice<Port> {
    return new FarDevice(this.#server, { ...this.#options, parameters }, this)
  }

  async kill(): Promise<void> {
    const program = await this.#program
    this.#program = undefined
    if (program === undefined || program.exitCode !== null || program.signalCode !== null) return
    program.kill('SIGKILL')
    await once(program, 'exit')
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill()
  }

  async #call(method: string, input: unknown, signal: AbortSignal): Promise<unknown> {
    signal.throwIfAborted()
    const program = await (this.#program ??= this.#start())
    this.#calls += 1
    const id = this.#calls
    const { promise, resolve } = Promise.withResolvers<Answer>()
    this.#waiting.set(id, resolve)
    const send = (message: unknown): unknown => program.stdin.write(`${JSON.stringify(message)}\n`)
    const onAbort = (): unknown => send({ type: 'abort', id })
    signal.addEventListener('abort', onAbort, { once: true })
    send({ type: 'call', id, method, input })
    const { output, error } = await promise
    signal.removeEventListener('abort', onAbort)
    if (error === undefined) return output
    throw new PolisError(error.code, error.message, { problems: error.problems })
  }

  async #start(): Promise<ChildProcessWithoutNullStreams> {
    const { deviceUid, installationUid, dataDir, runDir } = this
    await this.#server.exec('mkdir', ['-p', dataDir, runDir])
    const { driver, parameters = {} } = this.#options
    const start = { driver, parameters, deviceUid, installationUid, dataDir, runDir }
    const argument = JSON.stringify({ ...start, stockImagesDir: RECIPES })
    const path = join(import.meta.dirname, 'far-program.ts')
    const command = [...this.#server.enterCommand, process.execPath, path, argument]
    const [enter = '', ...args] = command
    const program = spawn(enter, args, { stdio: 'pipe' })
    program.stderr.pipe(process.stderr)
    program.stdin.on('error', () => undefined)
    createInterface(program.stdout).on('line', (line) => this.#receive(program, line))
    program.once('exit', () => this.#failWaiting())
    return program
  }

  #receive(program: ChildProcessWithoutNullStreams, line: string): void {
    const message = Message.parse(JSON.parse(line))
    if (message.type === 'answer') {
      this.#waiting.get(message.id)?.(message)
      this.#waiting.delete(message.id)
      return
    }
    const issuing = this.#options.issueCertificate?.(message.names)
    void issuing?.then((certificate) =>
      program.stdin.write(`${JSON.stringify({ type: 'certificate', certificate })}\n`),
    )
  }

  #failWaiting(): void {
    this.#program = undefined
    const message = 'the far program ended'
    const error = { code: 'Unavailable' as const, message, problems: [] }
    for (const [id, settle] of this.#waiting) settle({ type: 'answer', id, error })
    this.#waiting.clear()
  }
}
