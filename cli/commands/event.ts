import type { Command } from 'commander'
import { EventFollow, EventList, type EventShown, OperationList } from '../documents/operations.ts'
import { listAll } from '../objects.ts'
import type { Printer } from '../output/printer.ts'
import { printable } from '../output/table.ts'
import type { Session, Shell } from '../shell.ts'
import { toOperationText } from './operation.ts'
import { examples, parseCount } from './options.ts'

export function addEvents(program: Command, shell: Shell): void {
  const event = program.command('event').description('What happened.')
  const ls = event
    .command('ls')
    .description('List events, newest last.')
    .option('-p, --project <name>', 'only about this project')
    .option('--type <type>', 'only of this type, or below it when it ends with a dot')
    .option('--limit <count>', 'how many', parseCount, 50)
    .action((options: EventOptions & { readonly limit: number }) =>
      shell.run(ls, async (session) => {
        const client = await session.client()
        const found = await listAll(client, EventList, filterOf(options), options.limit)
        showEvents(session.printer, found.toReversed())
      }),
    )
  examples(ls, 'polis event ls', 'polis event ls --type audit.')
  const watch = event
    .command('watch')
    .description('Follow events as they happen; as JSON one object a line.')
    .option('-p, --project <name>', 'only about this project')
    .option('--type <type>', 'only of this type, or below it when it ends with a dot')
    .action((options: EventOptions) => shell.run(watch, (session) => follow(session, options)))
  examples(watch, 'polis event watch', 'polis event watch -o json')
  const trace = program
    .command('trace')
    .description('Show all that a request has caused.')
    .argument('<request-id>', 'id of a request, as operations and log lines name it')
    .action((requestId: string) =>
      shell.run(trace, async (session) => {
        const client = await session.client()
        const filter = { requestId }
        const operations = await listAll(client, OperationList, filter)
        const events = (await listAll(client, EventList, filter)).toReversed()
        session.printer.result({ operations, events }, () =>
          [
            ...operations.map((operation) => toOperationText(operation, session.printer)),
            eventsText(events),
          ].join('\n\n'),
        )
      }),
    )
  examples(trace, 'polis trace REQUEST-ID')
}

interface EventOptions {
  readonly project?: string
  readonly type?: string
}

function filterOf({ project, type }: EventOptions): EventOptions {
  return { ...(project === undefined ? {} : { project }), ...(type === undefined ? {} : { type }) }
}

async function follow(session: Session, options: EventOptions): Promise<void> {
  const { deps, printer } = session
  const client = await session.client()
  let after: string | undefined
  const variables = () => ({
    filter: filterOf(options),
    ...(after === undefined ? {} : { after }),
  })
  try {
    for await (const { events: event } of client.follow(EventFollow, variables)) {
      deps.stdout.write(`${printer.isJson ? JSON.stringify(event) : eventText(event)}\n`)
      after = event.id
    }
  } catch (error) {
    if (!deps.signal.aborted) throw error
  }
}

function showEvents(printer: Printer, events: readonly EventShown[]): void {
  printer.result(events, () => eventsText(events))
}

function eventsText(events: readonly EventShown[]): string {
  return events.length === 0
    ? 'nothing has happened'
    : events.map((event) => eventText(event)).join('\n')
}

function eventText({ at, level, type, actor, message }: EventShown): string {
  const by = actor === null ? '' : ` ${actor}:`
  return printable(`${at} ${level === 'info' ? '' : `${level} `}${type}${by} ${message}`)
}
