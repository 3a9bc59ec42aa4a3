import type { Command } from 'commander'
import { change, type ChangeOptions } from '../change.ts'
import type { ChangeShown } from '../documents/changes.ts'
import type { Document } from '../graphql.ts'
import type { Shell } from '../shell.ts'
import { changing, examples, inProject } from './options.ts'

export interface NamedOptions extends ChangeOptions {
  readonly project: string
}

/** A verb that takes one name and asks for one change. */
export function addNamedChange<Input>(
  noun: Command,
  shell: Shell,
  verb: {
    readonly name: string
    readonly description: string
    readonly document: Document<
      { readonly change: ChangeShown },
      { readonly input: Input; readonly planOnly: boolean }
    >
    /** False: what it changes belongs to the installation. */
    readonly isInProject: boolean
    readonly input: (name: string, project: string) => Input
    readonly argument?: string
  },
): void {
  const { name: verbName, description, document, input, argument = 'name' } = verb
  const command = changing(noun.command(verbName))
    .description(description)
    .argument(`<${argument}>`, `its ${argument}`)
  if (verb.isInProject) inProject(command)
  command.action((name: string, options: NamedOptions) =>
    shell.run(command, (session) =>
      change(session, document, input(name, options.project), options),
    ),
  )
  examples(command, `polis ${noun.name()} ${verbName} ${argument.toUpperCase()}`)
}
