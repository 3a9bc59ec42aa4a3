import type { Command } from 'commander'
import type { Document } from '../graphql.ts'
import { findOne, listAll, type PageOf, type PageVariables, toResource } from '../objects.ts'
import { type Column, toTable } from '../output/table.ts'
import type { Shell } from '../shell.ts'
import { examples, inProject } from './options.ts'

interface Shown {
  readonly name: string
  readonly project: { readonly name: string } | null
}

/** What `ls` and `show` of a noun need to know. */
export interface Listing<Node extends Shown> {
  /** Many of them: 'volumes'. */
  readonly plural: string
  readonly list: Document<PageOf<Node>, PageVariables<{ readonly project?: string | null }>>
  readonly columns: (now: Date) => readonly Column<Node>[]
  readonly ifEmpty: string
  /** False: belongs to the installation. */
  readonly isInProject: boolean
}

/** `ls`: as a table, or as an array of resources. */
export function addLs<Node extends Shown>(
  noun: Command,
  shell: Shell,
  { plural, list, columns, ifEmpty, isInProject }: Listing<Node>,
): void {
  const ls = noun.command('ls').description(`List ${plural}.`)
  if (isInProject) inProject(ls).option('-A, --all-projects', 'in every project')
  ls.action((options: { readonly project?: string; readonly allProjects?: boolean }) =>
    shell.run(ls, async (session) => {
      const { project, allProjects } = options
      const filter = project === undefined || allProjects === true ? {} : { project }
      const nodes = await listAll(await session.client(), list, filter)
      const table = columns(session.deps.clock.now())
      session.printer.result(
        nodes.map((node) => toResource(node)),
        () => (nodes.length === 0 ? ifEmpty : toTable(nodes, table)),
      )
    }),
  )
  examples(ls, `polis ${noun.name()} ls`, `polis ${noun.name()} ls -o json`)
}

/** `show NAME`: every column of one, and its conditions. */
export function addShow<Node extends Shown & Conditioned>(
  noun: Command,
  shell: Shell,
  { columns, isInProject }: Listing<Node>,
  find: Document<
    { readonly found: Node | null },
    { readonly name: string; readonly project: string }
  >,
): void {
  const show = noun.command('show').description('Show one.').argument('<name>', 'its name')
  if (isInProject) inProject(show)
  show.action((name: string, { project = 'default' }: { readonly project?: string }) =>
    shell.run(show, async (session) => {
      const found = await findOne(await session.client(), find, { name, project }, noun.name())
      const table = columns(session.deps.clock.now())
      session.printer.result(toResource(found), () =>
        [
          ...table.map(({ title, text }) => `${title.toLowerCase()}: ${text(found) || '-'}`),
          ...found.status.conditions.map(conditionText),
        ].join('\n'),
      )
    }),
  )
  examples(show, `polis ${noun.name()} show NAME`)
}

interface Conditioned {
  readonly status: { readonly conditions: readonly Condition[] }
}

interface Condition {
  readonly type: string
  readonly status: string
  readonly reason: string
  readonly message: string
  readonly remedy: string | null
}

function conditionText({ type, status, reason, message, remedy }: Condition): string {
  const why = message === '' ? reason : message
  return `${type}: ${status} (${why})${remedy === null ? '' : `\n  remedy: ${remedy}`}`
}
