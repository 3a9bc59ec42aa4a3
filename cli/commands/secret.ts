import { readFile } from 'node:fs/promises'
import { PolisError } from '@polis/lib/error'
import type { Command } from 'commander'
import { change } from '../change.ts'
import { ConfigFind, ConfigList, SecretList } from '../documents/attachables.ts'
import { RemoveConfig, RemoveSecret, SetConfig, SetSecret } from '../documents/changes.ts'
import type { ResultOf } from '../graphql.ts'
import { findOne } from '../objects.ts'
import { toAge, toSize } from '../output/units.ts'
import { readInput } from '../input.ts'
import type { Shell } from '../shell.ts'
import { holders } from './attachable.ts'
import { addNamedChange, type NamedOptions } from './change-command.ts'
import { addLs, type Listing } from './listing.ts'
import { changing, examples, inProject } from './options.ts'

type Secret = ResultOf<typeof SecretList>['page']['nodes'][number]
type Config = ResultOf<typeof ConfigList>['page']['nodes'][number]

const secrets: Listing<Secret> = {
  plural: 'secrets; their values are shown to nobody',
  list: SecretList,
  ifEmpty: 'no secrets; keep one with `polis secret set NAME < FILE`',
  isInProject: true,
  columns: (now) => [
    { title: 'NAME', text: ({ name }) => name },
    { title: 'VERSION', text: ({ spec }) => String(spec.version) },
    { title: 'ATTACHED TO', text: ({ attachments }) => holders(attachments) },
    { title: 'AGE', text: ({ createdAt }) => toAge(createdAt, now) },
  ],
}

const configs: Listing<Config> = {
  plural: 'files that services read',
  list: ConfigList,
  ifEmpty: 'no config files; keep one with `polis config-file set NAME FILE`',
  isInProject: true,
  columns: (now) => [
    { title: 'NAME', text: ({ name }) => name },
    { title: 'SIZE', text: ({ spec }) => toSize(Buffer.byteLength(spec.content)) },
    { title: 'AGE', text: ({ createdAt }) => toAge(createdAt, now) },
  ],
}

export function addSecret(program: Command, shell: Shell): void {
  const noun = program.command('secret').description('Values kept encrypted.')
  addLs(noun, shell, secrets)
  const set = changing(inProject(noun.command('set')))
    .description(
      'Keep a value, or put a new one in its place. It is read from standard input or a file.',
    )
    .argument('<name>', 'its name')
    .option('--from-file <file>', 'read the value from this file')
    .action((name: string, options: NamedOptions & { readonly fromFile?: string }) =>
      shell.run(set, async (session) => {
        const { project, fromFile } = options
        const value =
          fromFile === undefined ? await readInput(session.deps.stdin) : await readText(fromFile)
        // The line's end belongs to the terminal or the editor, not to the secret.
        await change(
          session,
          SetSecret,
          { project, name, value: value.replace(/\r?\n$/, '') },
          options,
        )
      }),
    )
  examples(
    set,
    'polis secret set api-key < key.txt',
    'polis secret set api-key --from-file key.txt',
    'pass show api-key | polis secret set api-key',
  )
  addNamedChange(noun, shell, {
    name: 'remove',
    description: 'Delete a secret. Refused while it is attached.',
    document: RemoveSecret,
    isInProject: true,
    input: (name, project) => ({ name, project }),
  })
}

/** `config` is the installation's own configuration; these are files of applications. */
export function addConfigFile(program: Command, shell: Shell): void {
  const noun = program.command('config-file').description('Files that services read, not secret.')
  addLs(noun, shell, configs)
  const show = inProject(noun.command('show'))
    .description('Print the content.')
    .argument('<name>', 'its name')
    .action((name: string, { project }: NamedOptions) =>
      shell.run(show, async (session) => {
        const client = await session.client()
        const found = await findOne(client, ConfigFind, { name, project }, 'config-file')
        session.printer.result(found, () => found.spec.content.replace(/\n$/, ''))
      }),
    )
  examples(show, 'polis config-file show nginx.conf')
  const set = changing(inProject(noun.command('set')))
    .description('Keep a file, or put a new one in its place.')
    .argument('<name>', 'its name')
    .argument('[file]', 'the file; absent: standard input')
    .action((name: string, file: string | undefined, options: NamedOptions) =>
      shell.run(set, async (session) => {
        const content =
          file === undefined ? await readInput(session.deps.stdin) : await readText(file)
        await change(session, SetConfig, { project: options.project, name, content }, options)
      }),
    )
  examples(set, 'polis config-file set nginx-conf ./nginx.conf')
  addNamedChange(noun, shell, {
    name: 'remove',
    description: 'Delete a config file.',
    document: RemoveConfig,
    isInProject: true,
    input: (name, project) => ({ name, project }),
  })
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    throw new PolisError('NotFound', `${path} cannot be read`, { path, cause })
  }
}
