// The program `polis`: the shell, and the commands that concern this host itself.
import { runCli } from '@polis/cli/program'
import { systemClock } from '@polis/lib/system-clock'
import { HOST_COMMANDS, runHostCommand } from './commands/commands.ts'
import { VERSION } from './package-version.ts'
import { nodeIo } from './terminal/node-io.ts'

const interrupted = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort())

const { stdin, stdout, stderr, env } = process
const { signal } = interrupted
const [name, ...args] = process.argv.slice(2)
const command = HOST_COMMANDS.find((each) => each.name === name)
process.exitCode =
  command === undefined
    ? await runCli(
        process.argv.slice(2),
        {
          stdout,
          stderr,
          stdin,
          env,
          clock: systemClock,
          version: VERSION,
          signal,
          localFindings: async () => (await import('./host/doctor.ts')).localFindings(env),
        },
        (program) => {
          for (const each of HOST_COMMANDS) program.command(each.name).description(each.description)
        },
      )
    : await runHostCommand(command, args, nodeIo(signal))
