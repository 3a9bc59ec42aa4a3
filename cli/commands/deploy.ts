import type { Command } from 'commander'
import { deploy, type DeployOptions } from '../deploy/deploy.ts'
import type { Shell } from '../shell.ts'
import { changing, collectPair, examples, inProject } from './options.ts'

export function addDeploy(program: Command, shell: Shell): void {
  const command = changing(inProject(program.command('deploy')))
    .description('Run a Compose file or an image, or a new version of what runs.')
    .argument('<path|image>', 'folder with a Compose file, the file, or the name of an image')
    .option('-n, --name <name>', 'name of the application; with --app, of the instance')
    .option('--app <name>', 'application of which this is a further instance')
    .option(
      '--set <name=value>',
      'value of a variable in the file; may be repeated',
      collectPair,
      {},
    )
    .option('--env-file <file>', 'variables, instead of the .env beside the Compose file')
    .action((given: string, options: DeployOptions) =>
      shell.run(command, (session) => deploy(session, given, options)),
    )
  examples(
    command,
    'polis deploy .',
    'polis deploy ./shop --set VERSION=1.2 --plan',
    'polis deploy nginx:1.27 --name static',
    'polis deploy . --app shop --name shop-staging',
  )
}
