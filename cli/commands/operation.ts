import type { Command } from 'commander'
import { finish } from '../change.ts'
import {
  OperationCancel,
  OperationFind,
  OperationList,
  type OperationShown,
} from '../documents/operations.ts'
import { PolisError } from '@polis/lib/error'
import type { Client } from '../client/client.ts'
import { listAll } from '../objects.ts'
import type { Printer } from '../output/printer.ts'
import { toTable } from '../output/table.ts'
import { toAge, toDuration } from '../output/units.ts'
import type { Session, Shell } from '../shell.ts'
import { examples, parseCount } from './options.ts'

export function addOperations(program: Command, shell: Shell): void {
  const operation = program
    .command('operation')
    .description('What was asked for, and what came of it.')
  const ls = operation
    .command('ls')
    .description('List operations, newest first.')
    .option('-p, --project <name>', 'only about this project')
    .option('-s, --status <status>', 'only those that are running, done, failed or cancelled')
    .option('--limit <count>', 'how many', parseCount, 20)
    .action(
      (options: { readonly project?: string; readonly status?: Status; readonly limit: number }) =>
        shell.run(ls, async (session) => {
          const { limit, project, status } = options
          const filter = {
            ...(project === undefined ? {} : { project }),
            ...(status === undefined ? {} : { status }),
          }
          listOperations(
            session,
            await listAll(await session.client(), OperationList, filter, limit),
          )
        }),
    )
  examples(ls, 'polis operation ls', 'polis operation ls --status failed -o json')
  const show = operation
    .command('show')
    .description('Show an operation with its steps.')
    .argument('<id>', 'its id')
    .action((id: string) =>
      shell.run(show, async (session) => {
        const found = await findOperation(await session.client(), id)
        session.printer.result(found, () => toOperationText(found, session.printer))
      }),
    )
  examples(show, 'polis operation show ID')
  const watch = operation
    .command('watch')
    .description('Follow an operation to its end.')
    .argument('<id>', 'its id')
    .action((id: string) =>
      shell.run(watch, async (session) => {
        const client = await session.client()
        await finish(session, client, await findOperation(client, id))
      }),
    )
  examples(watch, 'polis operation watch ID')
  const cancel = operation
    .command('cancel')
    .description('Take a running operation back where that is possible.')
    .argument('<id>', 'its id')
    .action((id: string) =>
      shell.run(cancel, async (session) => {
        const client = await session.client()
        const { cancelOperation: cancelled } = await client.ask(OperationCancel, { id })
        session.printer.result(cancelled, () => `${cancelled.title}: ${cancelled.status}`)
      }),
    )
  examples(cancel, 'polis operation cancel ID')
}

type Status = OperationShown['status']

async function findOperation(client: Client, id: string): Promise<OperationShown> {
  const { found } = await client.ask(OperationFind, { id })
  if (found !== null) return found
  throw new PolisError('NotFound', `there is no operation ${JSON.stringify(id)}`, {
    path: 'id',
    hint: 'polis operation ls',
  })
}

function listOperations({ printer, deps }: Session, operations: readonly OperationShown[]): void {
  const now = deps.clock.now()
  printer.list(
    operations,
    [
      { title: 'ID', text: ({ id }) => id },
      { title: 'TITLE', text: ({ title }) => title },
      { title: 'STATUS', text: ({ status }) => status },
      { title: 'BY', text: ({ actor }) => actor.name },
      { title: 'TOOK', text: ({ startedAt, endedAt }) => toDuration(startedAt, endedAt) },
      { title: 'AGE', text: ({ startedAt }) => toAge(startedAt, now) },
    ],
    'nothing was asked for yet',
  )
}

export function toOperationText(operation: OperationShown, printer: Printer): string {
  const { title, status, requestId, actor, steps, error } = operation
  const lines = [
    `${title}: ${status}`,
    `  request: ${requestId}`,
    `  asked for by: ${actor.name}`,
    ...Object.entries(operation.result).map(([name, value]) => `  ${name}: ${value}`),
  ]
  const table = toTable(steps, [
    { title: 'STEP', text: (step) => step.title },
    { title: 'STATUS', text: (step) => step.status },
    { title: 'TOOK', text: (step) => toDuration(step.startedAt, step.endedAt) },
    { title: 'MESSAGE', text: (step) => (step.status === 'done' ? '' : step.message) },
  ])
  if (error !== null) {
    const { code, path, message, hint } = error
    const problem = { code, path, message, ...(hint === null ? {} : { hint }) }
    lines.push(printer.problem('error', problem))
  }
  return [lines.join('\n'), ...(steps.length === 0 ? [] : [table])].join('\n\n')
}
