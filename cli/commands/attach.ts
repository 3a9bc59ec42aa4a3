import { PolisError } from '@polis/lib/error'
import { Argument, type Command } from 'commander'
import { change, type ChangeOptions } from '../change.ts'
import { Attach, Detach } from '../documents/changes.ts'
import type { VariablesOf } from '../graphql.ts'
import type { Shell } from '../shell.ts'
import { changing, collectPair, examples, inProject, parseCount, parseService } from './options.ts'

type Target = VariablesOf<typeof Attach>['input']['target']
type Kind = VariablesOf<typeof Detach>['input']['target']['type']

interface AttachOptions extends ChangeOptions {
  readonly project: string
  readonly to: string
  readonly alias?: string
  readonly port?: number
  readonly env: Readonly<Record<string, string>>
  readonly readOnly?: boolean
}

const KINDS: readonly Kind[] = ['domain', 'database', 'volume', 'port', 'secret']

/** `attach` and `detach`: what a running service is given and what is taken back. */
export function addAttach(program: Command, shell: Shell): void {
  const attach = changing(inProject(program.command('attach')))
    .description('Give a running service a domain, database, volume, port or secret.')
    .addArgument(new Argument('<kind>', 'what it is').choices(KINDS))
    .argument('<name>', 'host name, object name, or for a port [[ADDRESS:]PORT:]TARGET')
    .requiredOption('--to <app/service>', 'the service')
    .option('--alias <name>', 'name the service knows it by')
    .option('--port <port>', 'domain: port of the service that answers', parseCount)
    .option(
      '--env <variable=field>',
      'database: put a part of the binding into the environment',
      collectPair,
      {},
    )
    .option('--read-only', 'volume: the service cannot write to it')
    .action((kind: Kind, name: string, options: AttachOptions) =>
      shell.run(attach, (session) => {
        const target = toTarget(kind, name, options)
        const input = { project: options.project, ...parseService(options.to), target }
        return change(session, Attach, input, options)
      }),
    )
  examples(
    attach,
    'polis attach domain shop.example --to shop/web',
    'polis attach database orders --to shop/web --env DATABASE_URL=uri',
    'polis attach volume photos --to shop/web --read-only',
    'polis attach port 127.0.0.1:8080:80 --to shop/web',
    'polis attach secret api-key --to shop/web',
  )
  const detach = changing(inProject(program.command('detach')))
    .description('Take an attachment back. Nothing is deleted.')
    .addArgument(new Argument('<kind>', 'what it is').choices(KINDS))
    .argument('<name>', 'host name, alias or port number')
    .requiredOption('--from <app/service>', 'the service')
    .action((type: Kind, name: string, options: ChangeOptions & DetachOptions) =>
      shell.run(detach, (session) => {
        const { project, from } = options
        return change(
          session,
          Detach,
          { project, ...parseService(from), target: { type, name } },
          options,
        )
      }),
    )
  examples(
    detach,
    'polis detach domain shop.example --from shop/web',
    'polis detach volume photos --from shop/web',
  )
}

interface DetachOptions {
  readonly project: string
  readonly from: string
}

function toTarget(kind: Kind, name: string, options: AttachOptions): Target {
  const { alias, port, env, readOnly = false } = options
  const named = { name, ...(alias === undefined ? {} : { alias }) }
  switch (kind) {
    case 'domain':
      return { domain: { host: name, ...(port === undefined ? {} : { port }) } }
    case 'database':
      return { database: { ...named, env } }
    case 'volume':
      return { volume: { ...named, readOnly } }
    case 'secret':
      return { secret: named }
    case 'port':
      return { port: toPort(name) }
  }
}

const PORT = /^(?:(?:(?<address>\[[0-9a-fA-F:.]+\]|[^:]+):)?(?<port>\d*):)?(?<target>\d+)$/

/** `80`, `8080:80`, `127.0.0.1:8080:80`, `[::1]:8080:80`. */
function toPort(text: string): Extract<Target, { readonly port: unknown }>['port'] {
  const found = PORT.exec(text)?.groups
  if (found === undefined) {
    throw new PolisError('InvalidArgument', `${JSON.stringify(text)} is no port`, {
      path: 'name',
      hint: 'write 80, 8080:80 or 127.0.0.1:8080:80',
    })
  }
  const { address, port, target } = found
  return {
    targetPort: Number(target),
    ...(port === undefined || port === '' ? {} : { port: Number(port) }),
    ...(address === undefined ? {} : { address: address.replaceAll(/[[\]]/g, '') }),
  }
}
