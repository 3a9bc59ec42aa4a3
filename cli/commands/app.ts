import { PolisError } from '@polis/lib/error'
import type { Command } from 'commander'
import { change, type ChangeOptions } from '../change.ts'
import { deploy, type DeployOptions } from '../deploy/deploy.ts'
import { InstanceShow } from '../documents/application.ts'
import { Override, RemoveInstance, Restart, Rollback, Start, Stop } from '../documents/changes.ts'
import { InstanceList } from '../documents/workloads.ts'
import { findOne, listAll, toResource } from '../objects.ts'
import { toAge } from '../output/units.ts'
import type { Session, Shell } from '../shell.ts'
import { type InstanceRow, stateOf, toInstanceText } from './app-text.ts'
import { type LogOptions, showLogs } from './app-logs.ts'
import {
  changing,
  collectPair,
  collectText,
  examples,
  inProject,
  parseCount,
  parseService,
} from './options.ts'

interface ProjectOptions extends ChangeOptions {
  readonly project: string
}

export function addApp(program: Command, shell: Shell): void {
  const app = program.command('app').description('Applications and their running instances.')
  addReading(app, shell)
  addScaling(app, shell)
  addLifecycle(app, shell)
  addValidate(app, shell)
}

function addReading(app: Command, shell: Shell): void {
  const ls = inProject(app.command('ls'))
    .description('List what runs.')
    .option('-A, --all-projects', 'in every project')
    .action((options: { readonly project: string; readonly allProjects?: boolean }) =>
      shell.run(ls, (session) =>
        list(session, options.allProjects === true ? undefined : options.project),
      ),
    )
  examples(ls, 'polis app ls', 'polis app ls --all-projects -o json')
  const show = inProject(app.command('show'))
    .description('Show an instance with its services, tasks and attachments.')
    .argument('<app>', 'name of the instance')
    .action((name: string, { project }: ProjectOptions) =>
      shell.run(show, async (session) => {
        const client = await session.client()
        const found = await findOne(client, InstanceShow, { name, project }, 'app')
        session.printer.result(toResource(found), () =>
          toInstanceText(found, session.deps.clock.now()),
        )
      }),
    )
  examples(show, 'polis app show shop')
  const logs = inProject(app.command('logs'))
    .description('Show what an instance, or one of its services, wrote.')
    .argument('<app[/service]>', 'instance, or a service of it')
    .option('-f, --follow', 'go on as lines are written')
    .option('--tail <lines>', 'how many of the last lines of each task', parseCount, 100)
    .option('--since <time>', 'nothing older: ISO 8601, or an age such as 10m')
    .option('-t, --timestamps', 'write the time before each line')
    .action((name: string, options: LogOptions) =>
      shell.run(logs, (session) => showLogs(session, name, options)),
    )
  examples(logs, 'polis app logs shop', 'polis app logs shop/web --follow --tail 20')
}

async function list(session: Session, project: string | undefined): Promise<void> {
  const client = await session.client()
  const nodes = await listAll(client, InstanceList, project === undefined ? {} : { project })
  const now = session.deps.clock.now()
  session.printer.list<InstanceRow>(
    nodes.map((node) => toResource(node)),
    [
      { title: 'NAME', text: ({ name }) => name },
      { title: 'PROJECT', text: (row) => row.project ?? '' },
      { title: 'APPLICATION', text: ({ application }) => application?.name ?? '' },
      { title: 'STATE', text: (row) => stateOf(row) },
      {
        title: 'SERVICES',
        text: ({ services }) =>
          services
            .map(
              ({ spec, status }) =>
                `${spec.serviceName} ${status.runningReplicas}/${spec.replicas}`,
            )
            .join(', '),
      },
      { title: 'REVISION', text: ({ revision }) => String(revision?.spec.number ?? '') },
      { title: 'AGE', text: ({ createdAt }) => toAge(createdAt, now) },
    ],
    'nothing runs here; begin with `polis deploy PATH`',
  )
}

function addScaling(app: Command, shell: Shell): void {
  const scale = changing(inProject(app.command('scale')))
    .description('Set how many tasks a service has; stays over deploys.')
    .argument('<app/service>', 'the service')
    .argument('<replicas>', 'how many', parseCount)
    .action((name: string, replicas: number, options: ProjectOptions) =>
      shell.run(scale, (session) => {
        const override = { replicas }
        const input = { project: options.project, ...parseService(name), override }
        return change(session, Override, input, options)
      }),
    )
  examples(scale, 'polis app scale shop/web 3')
  const env = changing(inProject(app.command('env')))
    .description('Set or take back environment variables of a service by hand; stays over deploys.')
    .argument('<app/service>', 'the service')
    .option('--set <name=value>', 'set a variable; may be repeated', collectPair, {})
    .option('--unset <name>', 'take back what was set by hand; may be repeated', collectText, [])
    .action((name: string, options: ProjectOptions & EnvironmentOptions) =>
      shell.run(env, (session) => {
        const { set: environment, unset: unsetEnvironment, project } = options
        if (Object.keys(environment).length + unsetEnvironment.length === 0) {
          throw new PolisError('InvalidArgument', 'nothing is to be changed', {
            hint: 'add --set NAME=VALUE or --unset NAME',
          })
        }
        const override = { environment }
        const input = { project, ...parseService(name), override, unsetEnvironment }
        return change(session, Override, input, options)
      }),
    )
  examples(
    env,
    'polis app env shop/web --set LOG_LEVEL=debug',
    'polis app env shop/web --unset LOG_LEVEL',
  )
}

interface EnvironmentOptions {
  readonly set: Readonly<Record<string, string>>
  readonly unset: string[]
}

function addLifecycle(app: Command, shell: Shell): void {
  const simple = [
    { verb: 'start', document: Start, description: 'Run a stopped instance again.' },
    {
      verb: 'stop',
      document: Stop,
      description: 'Run nothing of an instance; everything it has is kept.',
    },
    {
      verb: 'remove',
      document: RemoveInstance,
      description: 'Remove an instance; databases and volumes it made go to the bin.',
    },
  ] as const
  for (const { verb, document, description } of simple) {
    const command = changing(inProject(app.command(verb)))
      .description(description)
      .argument('<app>', 'name of the instance')
      .action((name: string, options: ProjectOptions) =>
        shell.run(command, (session) =>
          change(session, document, { project: options.project, instance: name }, options),
        ),
      )
    examples(command, `polis app ${verb} shop`)
  }
  const restart = changing(inProject(app.command('restart')))
    .description('Replace every task, one after the other.')
    .argument('<app[/service]>', 'instance, or a service of it')
    .action((name: string, options: ProjectOptions) =>
      shell.run(restart, (session) => {
        const target = name.includes('/') ? parseService(name) : { instance: name }
        return change(session, Restart, { project: options.project, ...target }, options)
      }),
    )
  examples(restart, 'polis app restart shop', 'polis app restart shop/web')
  const rollback = changing(inProject(app.command('rollback')))
    .description('Go back to an earlier revision.')
    .argument('<app>', 'name of the instance')
    .option(
      '--to <number>',
      'number of the revision; absent: the one before the current',
      parseCount,
    )
    .action((name: string, options: ProjectOptions & { readonly to?: number }) =>
      shell.run(rollback, (session) => {
        const { project, to: revision } = options
        const input = { project, instance: name, ...(revision === undefined ? {} : { revision }) }
        return change(session, Rollback, input, options)
      }),
    )
  examples(rollback, 'polis app rollback shop', 'polis app rollback shop --to 3')
}

function addValidate(app: Command, shell: Shell): void {
  const validate = inProject(app.command('validate'))
    .description('Say what is wrong with a Compose file, and what a deploy of it would do.')
    .argument('<path>', 'folder with a Compose file, or the file')
    .option('-n, --name <name>', 'name of the application')
    .option(
      '--set <name=value>',
      'value of a variable in the file; may be repeated',
      collectPair,
      {},
    )
    .action((given: string, options: DeployOptions) =>
      shell.run(validate, (session) => deploy(session, given, { ...options, plan: true })),
    )
  examples(validate, 'polis app validate .')
}
