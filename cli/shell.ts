import type { Writable } from 'node:stream'
import type { Clock } from '@polis/lib/clock'
import type { Command } from 'commander'
import { Client } from './client/client.ts'
import { chooseInstallation } from './client/contexts.ts'
import { Printer } from './output/printer.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/** A place to write to, which may be a terminal. */
export interface Output {
  write: Writable['write']
  readonly isTTY?: boolean
  readonly columns?: number
}

/** Where a password or a secret may come from. */
export interface Input extends AsyncIterable<Uint8Array | string> {
  readonly isTTY?: boolean
  /** Only a terminal has it: false again lets it show what is typed. */
  setRawMode?(isRaw: boolean): unknown
}

/** Something that is wrong with this host, or right. */
export interface Finding {
  readonly check: string
  readonly status: 'ok' | 'warning' | 'error'
  readonly message: string
  readonly remedy?: string
}

export interface ShellDeps {
  readonly stdout: Output
  readonly stderr: Output
  readonly stdin: Input
  readonly env: Environment
  readonly clock: Clock
  readonly version: string
  /** Aborts when the person at the keyboard has had enough. */
  readonly signal: AbortSignal
  /** What `doctor` finds out about the host itself. */
  readonly localFindings?: (signal: AbortSignal) => Promise<readonly Finding[]>
}

/** What one command works with. */
export interface Session {
  readonly deps: ShellDeps
  readonly printer: Printer
  /** The installation that is meant. Throws FailedPrecondition when none is known. */
  client(): Promise<Client>
}

export interface GlobalOptions {
  readonly output: 'human' | 'json'
  readonly context?: string
}

/** The way from commander to a command's work. */
export class Shell {
  readonly deps: ShellDeps

  constructor(deps: ShellDeps) {
    this.deps = deps
  }

  printer(options: Partial<GlobalOptions>): Printer {
    return new Printer(this.deps, options.output === 'json')
  }

  async run(command: Command, work: (session: Session) => Promise<void>): Promise<void> {
    const { env, clock, version, signal } = this.deps
    const options = command.optsWithGlobals<GlobalOptions>()
    await work({
      deps: this.deps,
      printer: this.printer(options),
      client: async () => {
        const installation = await chooseInstallation(env, options.context)
        return new Client({ installation, clock, version, signal })
      },
    })
  }
}
