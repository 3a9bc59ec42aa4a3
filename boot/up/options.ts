import { parseArgs } from 'node:util'
import { PolisError } from '@polis/lib/error'

export interface UpOptions {
  readonly name: string | undefined
  readonly httpPort: number | undefined
  readonly httpsPort: number | undefined
  readonly apiPort: number | undefined
  readonly agentsPort: number | undefined
  readonly dockerSocketPath: string | undefined
  readonly keyDir: string | undefined
  readonly binDir: string | undefined
  readonly wantsWelcome: boolean
}

export const UP_HELP = `Usage: polis up [options]

Brings Polis up on this host, or sees that it is. Safe to repeat.

  --http-port PORT, --https-port PORT   ports of the edge (80, 443)
  --api-port PORT, --agents-port PORT   ports on the loopback address (4750, 4751)
  --name NAME                           name of the installation (polis)
  --docker-socket PATH                  the engine to use (/run/docker.sock)
  --key-dir FOLDER                      where the key of secrets is kept (/etc/polis)
  --bin-dir FOLDER                      where the command polis is put (/usr/local/bin)
  --no-welcome                          without the welcome application and its database

Examples:
  polis up
  polis up --http-port 8080 --https-port 8443
  POLIS_HOME=/srv/second polis up --name second --api-port 4760 --agents-port 4761
`

const port = { type: 'string' } as const

/** Throws InvalidArgument. */
export function parseUpOptions(args: readonly string[]): UpOptions {
  const options = {
    name: { type: 'string' },
    'http-port': port,
    'https-port': port,
    'api-port': port,
    'agents-port': port,
    'docker-socket': { type: 'string' },
    'key-dir': { type: 'string' },
    'bin-dir': { type: 'string' },
    'no-welcome': { type: 'boolean', default: false },
  } as const
  const { values } = parse(() => parseArgs({ args: [...args], options, strict: true }))
  return {
    name: values.name,
    httpPort: toPort('--http-port', values['http-port']),
    httpsPort: toPort('--https-port', values['https-port']),
    apiPort: toPort('--api-port', values['api-port']),
    agentsPort: toPort('--agents-port', values['agents-port']),
    dockerSocketPath: values['docker-socket'],
    keyDir: values['key-dir'],
    binDir: values['bin-dir'],
    wantsWelcome: !values['no-welcome'],
  }
}

/** What parseArgs says of wrong usage, as ours. */
export function parse<T>(read: () => T): T {
  try {
    return read()
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : 'wrong arguments'
    throw new PolisError('InvalidArgument', message, { cause, path: 'usage' })
  }
}

function toPort(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const number = /^\d{1,5}$/.test(text) ? Number(text) : 0
  if (number >= 1 && number <= 65_535) return number
  throw new PolisError('InvalidArgument', `${option}: ${text} is not a port from 1 to 65535`, {
    path: 'usage',
  })
}
