import { spawn, type ChildProcess } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { PolisError } from '@polis/lib/error'

export interface SpawnOptions {
  readonly env?: Readonly<Record<string, string>>
}

export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** A program running inside a server, its output going to a file. */
export class SpawnedProgram {
  readonly pid: number
  /** Resolves when the program is gone; never rejects. */
  readonly ended: Promise<Exit>
  readonly #child: ChildProcess
  readonly #logPath: string

  constructor(program: string, args: readonly string[], logPath: string, env: NodeJS.ProcessEnv) {
    const log = openSync(logPath, 'a')
    // Its own session, so that an interrupt typed at the terminal reaches the test runner only.
    const child = spawn(program, args, { env, detached: true, stdio: ['ignore', log, log] })
    closeSync(log)
    child.unref()
    this.ended = new Promise((resolve) => {
      child.once('exit', (code, signal) => resolve({ code, signal }))
      child.once('error', () => resolve({ code: 127, signal: null }))
    })
    if (child.pid === undefined) throw new PolisError('Unavailable', `${program} is not installed`)
    this.pid = child.pid
    this.#child = child
    this.#logPath = logPath
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** All it has written so far, standard error included. */
  output(): string {
    return readFileSync(this.#logPath, 'utf8')
  }

  /** The last lines it wrote, for an error message. */
  lastWords(): string {
    return this.output().trimEnd().split('\n').slice(-12).join('\n')
  }

  /** Sends the signal, if it still runs, and resolves when it is gone. */
  async end(signal: NodeJS.Signals = 'SIGTERM'): Promise<Exit> {
    if (this.isRunning) this.#child.kill(signal)
    return this.ended
  }
}
