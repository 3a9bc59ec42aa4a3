import { PolisError } from '@polis/lib/error'
import { type Command, InvalidArgumentError, Option } from 'commander'

/** `--project NAME` for what lives in a project. */
export function inProject(command: Command): Command {
  return command.addOption(
    new Option('-p, --project <name>', 'project').env('POLIS_PROJECT').default('default'),
  )
}

/** `--plan` and `--no-wait` for what changes something. */
export function changing(command: Command): Command {
  return command
    .option('--plan', 'show what would be done, and stop')
    .option('--no-wait', 'begin, and print the id of the operation')
}

/** Collects `--set name=value` into a record. */
export function collectPair(
  text: string,
  before: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const at = text.indexOf('=')
  if (at < 1) throw new InvalidArgumentError('It must be NAME=VALUE.')
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) }
}

export function collectText(text: string, before: readonly string[]): readonly string[] {
  return [...before, text]
}

export function parseCount(text: string): number {
  const count = Number(text)
  if (Number.isSafeInteger(count) && count >= 0) return count
  throw new InvalidArgumentError('It must be a whole number.')
}

/** Examples under a command's help. */
export function examples(command: Command, ...lines: readonly string[]): Command {
  return command.addHelpText(
    'after',
    `\nExamples:\n${lines.map((line) => `  $ ${line}`).join('\n')}`,
  )
}

export interface ServiceName {
  readonly instance: string
  readonly service: string
}

/** `shop/web`. Throws InvalidArgument. */
export function parseService(text: string): ServiceName {
  const [instance = '', service = '', ...others] = text.split('/')
  if (instance !== '' && service !== '' && others.length === 0) return { instance, service }
  throw new PolisError('InvalidArgument', `${JSON.stringify(text)} does not name a service`, {
    hint: 'write APP/SERVICE, such as shop/web',
  })
}
