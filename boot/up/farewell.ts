// The last words of `polis up`.
import { hostname, networkInterfaces, userInfo } from 'node:os'

export interface FarewellOptions {
  readonly signInLink: string
  readonly apiPort: number
  readonly httpPort: number
  readonly hasWelcome: boolean
  readonly env: Readonly<Record<string, string | undefined>>
}

interface SshTarget {
  readonly options: string
  readonly target: string
}

/** As this very session came in, if it came by ssh. */
function findSshTarget(env: FarewellOptions['env']): SshTarget {
  const user = env['SUDO_USER'] ?? userInfo().username
  const [, , address, port] = (env['SSH_CONNECTION'] ?? '').split(' ')
  const addresses = Object.entries(networkInterfaces())
    .filter(([name]) => !/^(?:lo|docker|br-|veth)/.test(name))
    .flatMap(([, list]) => list ?? [])
  const own = addresses.find(({ family, internal }) => family === 'IPv4' && !internal)?.address
  const options = port === undefined || port === '22' ? '' : `-p ${port} `
  return { options, target: `${user}@${address ?? own ?? hostname()}` }
}

/** Below 1024 only root may listen, on the reader's machine too. */
const localPort = (port: number): number => (port < 1024 ? port + 8000 : port)

const withPort = (host: string, port: number): string => (port === 80 ? host : `${host}:${port}`)

export function farewell(options: FarewellOptions): string {
  const { signInLink, apiPort, httpPort, hasWelcome, env } = options
  const { options: ssh, target } = findSshTarget(env)
  const tunnel = (from: number, to: number): string =>
    `ssh -L ${from}:127.0.0.1:${to} ${ssh}${target}`
  const near = localPort(httpPort)
  const lines = [
    '',
    '  Polis is running.',
    '',
    `    Polis     ${signInLink}`,
    '              signs you in once',
    ...(hasWelcome ? [`    welcome   http://${withPort('welcome.localhost', httpPort)}`] : []),
    '',
    '  Is your browser on another machine? There, run',
    '',
    `    ${tunnel(apiPort, apiPort)}`,
    '              and open the link above',
    ...(hasWelcome
      ? [
          `    ${tunnel(near, httpPort)}`,
          `              and open http://${withPort('welcome.localhost', near)}`,
        ]
      : []),
    '',
    '  polis status · polis app ls · polis deploy PATH · polis down',
    '',
    '',
  ]
  return lines.join('\n')
}
