// The commands of `polis` that concern this host itself; all others ask the API and are the shell's.
import { PolisError, toPolisError } from '@polis/lib/error'
import type { Io } from '../terminal/io.ts'

export interface HostCommand {
  readonly name: string
  readonly description: string
  /** The exit code: 0 done. */
  readonly run: (args: readonly string[], io: Io) => Promise<number>
}

/** Each is loaded when it is called: `polis app ls` waits for none of them. */
export const HOST_COMMANDS: readonly HostCommand[] = [
  {
    name: 'up',
    description: 'Bring Polis up on this host, or see that it is.',
    run: async (args, io) => (await import('./up.ts')).up(args, io),
  },
  {
    name: 'down',
    description: 'Stop Polis; workloads keep running.',
    run: async (args, io) => (await import('./down.ts')).down(args, io),
  },
  {
    name: 'uninstall',
    description: 'Show what installing changed on this host, and undo it.',
    run: async (args, io) => (await import('./uninstall.ts')).uninstall(args, io),
  },
  {
    name: 'server',
    description: 'Run the server: for whoever keeps services running.',
    run: async () => (await import('./server.ts')).server(),
  },
  {
    name: 'agent',
    description: 'Run the agent: for whoever keeps services running.',
    run: async () => (await import('./agent.ts')).agent(),
  },
  {
    name: 'supervise',
    description: 'Keep services running where no systemd does.',
    run: async (_args, { env }) => {
      await (await import('./supervise.ts')).supervise(env)
      return 0
    },
  },
]

/** Runs it and returns the exit code: 0 done, 1 refused or failed (said on stderr), 2 wrong usage. */
export async function runHostCommand(
  { name, run }: HostCommand,
  args: readonly string[],
  io: Io,
): Promise<number> {
  try {
    return await run(args, io)
  } catch (thrown) {
    const error = io.signal.aborted
      ? new PolisError('Canceled', 'interrupted', { cause: thrown })
      : toPolisError(thrown, `run polis ${name}`)
    const { code, path, message, hint, problems } = error
    if (args.includes('json') || args.includes('-o=json')) {
      io.err.write(`${JSON.stringify({ code, path, message, hint, problems })}\n`)
    } else {
      io.err.write('\n')
      for (const problem of problems) {
        io.err.write(`error: ${problem.message}\n`)
        if (problem.hint !== undefined) io.err.write(`hint: ${problem.hint}\n`)
      }
      const { cause } = error
      if (code === 'Internal' && cause instanceof Error) io.err.write(`cause: ${cause.message}\n`)
    }
    return path === 'usage' ? 2 : 1
  }
}
