// Decides, once, what the installation on this host is to be.
import { PolisError } from '@polis/lib/error'
import { newUid } from '@polis/lib/uid'
import {
  type Config,
  DEFAULT_AGENTS_PORT,
  DEFAULT_API_PORT,
  findConfig,
  newConfig,
  writeConfig,
} from '../config.ts'
import type { Home } from '../home.ts'
import { findConflicts, findSparePort } from '../host/ports.ts'
import { IMAGES_DIR } from '../places.ts'
import type { Io } from '../terminal/io.ts'
import type { UpOptions } from './options.ts'

export interface ChosenConfig {
  readonly config: Config
  readonly isNew: boolean
  /** What was chosen in somebody's stead, in words. */
  readonly notes: readonly string[]
}

const DEFAULT_SOCKET = '/run/docker.sock'

/** Throws FailedPrecondition when a port that was asked for is taken, naming its owner. */
export async function chooseConfig(home: Home, options: UpOptions, io: Io): Promise<ChosenConfig> {
  const before = findConfig(home)
  if (before !== undefined) return await changeConfig(home, before, options)
  const notes: string[] = []
  const dockerSocketPath = options.dockerSocketPath ?? DEFAULT_SOCKET
  const context = { home, dockerSocketPath, io, notes }
  const httpPort = await chooseEdgePort(options.httpPort, 80, context)
  const httpsPort = await chooseEdgePort(options.httpsPort, 443, context)
  const { apiPort = DEFAULT_API_PORT, agentsPort = DEFAULT_AGENTS_PORT } = options
  await requireFree(home, dockerSocketPath, '--api-port', apiPort, '127.0.0.1')
  await requireFree(home, dockerSocketPath, '--agents-port', agentsPort, '127.0.0.1')
  const config = newConfig({
    installationUid: newUid(),
    apiPort,
    agentsPort,
    httpPort,
    httpsPort,
    dockerSocketPath,
    imagesDir: IMAGES_DIR,
    ...(options.name === undefined ? {} : { name: options.name }),
    ...(options.keyDir === undefined ? {} : { keyFolder: options.keyDir }),
  })
  writeConfig(home, config)
  return { config, isNew: true, notes }
}

/** Ports may change later; what an installation is may not. */
async function changeConfig(home: Home, before: Config, options: UpOptions): Promise<ChosenConfig> {
  const { dockerSocketPath } = before
  const { httpPort = before.edge.httpPort, httpsPort = before.edge.httpsPort } = options
  const { apiPort = before.api.port, agentsPort = before.agents.port } = options
  const wanted = [
    ['--http-port', httpPort, before.edge.httpPort, '0.0.0.0'],
    ['--https-port', httpsPort, before.edge.httpsPort, '0.0.0.0'],
    ['--api-port', apiPort, before.api.port, before.api.address],
    ['--agents-port', agentsPort, before.agents.port, before.agents.address],
  ] as const
  for (const [option, port, old, address] of wanted) {
    if (port !== old) await requireFree(home, dockerSocketPath, option, port, address)
  }
  const config: Config = {
    ...before,
    imagesDir: IMAGES_DIR,
    edge: { httpPort, httpsPort },
    api: { ...before.api, port: apiPort },
    agents: { ...before.agents, port: agentsPort },
  }
  if (JSON.stringify(config) !== JSON.stringify(before)) writeConfig(home, config)
  return { config, isNew: false, notes: [] }
}

async function requireFree(
  home: Home,
  dockerSocketPath: string,
  option: string,
  port: number,
  address: string,
): Promise<void> {
  const [conflict] = await findConflicts(home, [port], dockerSocketPath, address)
  if (conflict === undefined) return
  const spare = await findSparePort(home, port, dockerSocketPath)
  throw new PolisError('FailedPrecondition', `port ${port} is taken by ${conflict.owner}`, {
    path: option,
    hint: `stop that, or take another: ${option} ${spare}`,
  })
}

interface PortContext {
  readonly home: Home
  readonly dockerSocketPath: string
  readonly io: Io
  readonly notes: string[]
}

async function chooseEdgePort(
  asked: number | undefined,
  usual: number,
  { home, dockerSocketPath, io, notes }: PortContext,
): Promise<number> {
  const option = usual === 80 ? '--http-port' : '--https-port'
  if (asked !== undefined) {
    await requireFree(home, dockerSocketPath, option, asked, '0.0.0.0')
    return asked
  }
  const [conflict] = await findConflicts(home, [usual], dockerSocketPath)
  if (conflict === undefined) return usual
  const spare = await findSparePort(home, usual, dockerSocketPath)
  const taken = `Port ${usual} is taken by ${conflict.owner}`
  if (io.ask === undefined) {
    notes.push(`${taken}: using ${spare} (choose another with ${option})`)
    return spare
  }
  const answer = (await io.ask(`${taken}. Use ${spare} instead? [Y/n] `, io.signal)).trim()
  if (/^(?:y|yes)?$/i.test(answer)) return spare
  throw new PolisError('FailedPrecondition', `port ${usual} is taken by ${conflict.owner}`, {
    hint: `stop that, or say which to use: polis up ${option} PORT`,
  })
}
