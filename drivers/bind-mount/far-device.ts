// For tests: the near end of `far-program.ts`.
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { volumeHostContract, type VolumeHostPort } from '@polis/hal/volume-host'
import { ERROR_CODES, PolisError } from '@polis/lib/error'
import { z } from 'zod'

const Problem = z.object({ code: z.enum(ERROR_CODES), path: z.string(), message: z.string() })
const Reply = z.object({
  id: z.number(),
  output: z.unknown().optional(),
  error: z
    .object({ code: z.enum(ERROR_CODES), message: z.string(), problems: z.array(Problem) })
    .optional(),
})
type Reply = z.infer<typeof Reply>

export interface FarDeviceOptions {
  /** What stands before the program's name: enters the namespaces it is to live in. */
  readonly enterCommand: () => readonly string[]
  readonly dataDir: string
  readonly runDir: string
  readonly parameters: Readonly<Record<string, unknown>>
}

export class FarDevice implements AsyncDisposable {
  readonly #options: FarDeviceOptions
  readonly #waiting = new Map<number, (reply: Reply) => void>()
  #program: ChildProcessWithoutNullStreams | undefined
  #calls = 0

  constructor(options: FarDeviceOptions) {
    this.#options = options
  }

  get port(): VolumeHostPort {
    const contract = volumeHostContract
    const call =
      <Input, Output>(name: string, { output }: { readonly output: z.ZodType<Output> }) =>
      async (input: Input, signal: AbortSignal): Promise<Output> => {
        signal.throwIfAborted()
        return output.parse(await this.#ask(name, input))
      }
    return {
      ensureDevice: call('ensureDevice', contract.ensureDevice),
      observeDevice: call('observeDevice', contract.observeDevice),
      removeDevice: call('removeDevice', contract.removeDevice),
      ensureVolume: call('ensureVolume', contract.ensureVolume),
      purgeVolume: call('purgeVolume', contract.purgeVolume),
      observeVolume: call('observeVolume', contract.observeVolume),
      listVolumes: call('listVolumes', contract.listVolumes),
      ensureTaskRoot: call('ensureTaskRoot', contract.ensureTaskRoot),
      removeTaskRoot: call('removeTaskRoot', contract.removeTaskRoot),
      listTaskRoots: call('listTaskRoots', contract.listTaskRoots),
    }
  }

  /** The next call starts the program anew. */
  async kill(): Promise<void> {
    const program = this.#program
    this.#program = undefined
    if (program === undefined || program.exitCode !== null || program.signalCode !== null) return
    program.kill('SIGKILL')
    await once(program, 'exit')
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill()
  }

  async #ask(method: string, input: unknown): Promise<unknown> {
    const { promise, resolve } = Promise.withResolvers<Reply>()
    this.#calls += 1
    this.#waiting.set(this.#calls, resolve)
    const program = this.#start()
    program.stdin.write(`${JSON.stringify({ id: this.#calls, method, input })}\n`)
    const { output, error } = await promise
    if (error === undefined) return output
    throw new PolisError(error.code, error.message, { problems: error.problems })
  }

  #failWaiting(): void {
    const message = 'the far program ended'
    const error = { code: 'Unavailable' as const, message, problems: [] }
    for (const [id, settle] of this.#waiting) settle({ id, error })
    this.#waiting.clear()
  }

  #start(): ChildProcessWithoutNullStreams {
    if (this.#program !== undefined) return this.#program
    const { dataDir, runDir, parameters, enterCommand } = this.#options
    const start = JSON.stringify({ dataDir, runDir, parameters })
    const command = [process.execPath, join(import.meta.dirname, 'far-program.ts'), start]
    const [enter = '', ...args] = [...enterCommand(), ...command]
    const program = spawn(enter, args, { stdio: 'pipe' })
    program.stderr.pipe(process.stderr)
    createInterface(program.stdout).on('line', (line) => {
      const reply = Reply.parse(JSON.parse(line))
      this.#waiting.get(reply.id)?.(reply)
      this.#waiting.delete(reply.id)
    })
    program.once('exit', () => this.#failWaiting())
    this.#program = program
    return program
  }
}
