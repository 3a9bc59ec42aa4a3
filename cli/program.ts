import { PolisError, toPolisError } from '@polis/lib/error'
import { Command, CommanderError, Option } from 'commander'
import { addApp } from './commands/app.ts'
import { addAttach } from './commands/attach.ts'
import { addDatabase, addDomain, addVolume } from './commands/attachable.ts'
import { addCompletion } from './commands/completion.ts'
import { addContext, addSignIn } from './commands/context.ts'
import { addDeploy } from './commands/deploy.ts'
import { addInstallation } from './commands/installation.ts'
import { addEvents } from './commands/event.ts'
import { addOperations } from './commands/operation.ts'
import { addRole, addToken, addUser } from './commands/people.ts'
import { addDevice, addDriver, addNode, addProject } from './commands/platform.ts'
import { addConfigFile, addSecret } from './commands/secret.ts'
import { addWorkloads } from './commands/workload.ts'
import { type GlobalOptions, Shell, type ShellDeps } from './shell.ts'

/** Commands that belong to others, such as `up`: they are added to the program like Polis' own. */
export type ExtraCommands = (program: Command, shell: Shell) => void

/** Every verb of the shell. */
export function createProgram(deps: ShellDeps, extraCommands?: ExtraCommands): Command {
  const program = new Command('polis')
    .description('Runs applications, and what they need, on one server or many.')
    .addOption(
      new Option('-o, --output <format>', 'how results are written')
        .choices(['human', 'json'])
        .default('human'),
    )
    .option('-c, --context <name>', 'which installation; see `polis context ls`')
    .helpOption('-h, --help', 'show help')
    .helpCommand('help [command]', 'show help for a command')
    .showHelpAfterError('(add --help for more)')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => deps.stdout.write(text),
      writeErr: (text) => deps.stderr.write(text),
      getOutHelpWidth: () => deps.stdout.columns ?? 100,
      getErrHelpWidth: () => deps.stderr.columns ?? 100,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
  const shell = new Shell(deps)
  extraCommands?.(program, shell)
  addInstallation(program, shell)
  addDeploy(program, shell)
  addApp(program, shell)
  addAttach(program, shell)
  addDatabase(program, shell)
  addVolume(program, shell)
  addDomain(program, shell)
  addSecret(program, shell)
  addConfigFile(program, shell)
  addDevice(program, shell)
  addDriver(program, shell)
  addWorkloads(program, shell)
  addNode(program, shell)
  addProject(program, shell)
  addUser(program, shell)
  addRole(program, shell)
  addToken(program, shell)
  addOperations(program, shell)
  addEvents(program, shell)
  addContext(program, shell)
  addSignIn(program, shell)
  addCompletion(program, shell)
  return program
}

/** Runs one command line, without the program's name, and returns its exit code: 0 done, 1 refused or failed, 2 wrong usage. */
export async function runCli(
  argv: readonly string[],
  deps: ShellDeps,
  extraCommands?: ExtraCommands,
): Promise<number> {
  const program = createProgram(deps, extraCommands)
  try {
    await program.parseAsync(argv, { from: 'user' })
    return 0
  } catch (thrown) {
    // Commander has said already what is wrong; its helpers end with code 0.
    if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? 0 : 2
    const error =
      deps.signal.aborted && !(thrown instanceof PolisError)
        ? new PolisError('Canceled', 'interrupted', { cause: thrown })
        : toPolisError(thrown, 'do that')
    new Shell(deps).printer(program.opts<Partial<GlobalOptions>>()).error(error)
    return 1
  }
}
