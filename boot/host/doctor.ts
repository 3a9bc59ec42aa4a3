import { DEFAULT_API_PORT, findConfig } from '../config.ts'
import { type Home, homeOf } from '../home.ts'
import { builtAt, PACKAGES_FILE } from '../places.ts'
import { collectFacts, type HostFacts } from './facts.ts'
import type { Finding } from './finding.ts'
import { judgeHost } from './judge.ts'
import { missingPackages } from './packages.ts'

type Environment = Readonly<Record<string, string | undefined>>

export interface InspectOptions {
  readonly home: Home
  readonly env: Environment
  readonly dockerSocketPath: string
  readonly ports: readonly number[]
  readonly apiUrl?: string
}

/** The public name from which packages of images come, and the one that the welcome application has. */
const NAMES = ['debian.org', 'localhost']

export async function inspectHost(options: InspectOptions): Promise<HostFacts> {
  const { home, env, dockerSocketPath, ports, apiUrl } = options
  return await collectFacts({
    home,
    dockerSocketPath,
    ports,
    apiUrl,
    builtAt: builtAt(),
    missingPrograms: missingPackages(PACKAGES_FILE, env['PATH'] ?? ''),
    names: NAMES,
  })
}

/** What `polis doctor` finds on this host, whether or not Polis runs here yet. */
export async function localFindings(env: Environment): Promise<readonly Finding[]> {
  const home = homeOf(env)
  const config = process.getuid?.() === 0 ? findConfig(home) : undefined
  if (config === undefined) {
    const facts = await inspectHost({
      home,
      env,
      dockerSocketPath: '/run/docker.sock',
      ports: [80, 443, DEFAULT_API_PORT],
    })
    return judgeHost(facts)
  }
  const { api, agents, edge, dockerSocketPath } = config
  const facts = await inspectHost({
    home,
    env,
    dockerSocketPath,
    ports: [edge.httpPort, edge.httpsPort, api.port, agents.port],
    apiUrl: `http://${api.address}:${api.port}`,
  })
  return judgeHost(facts)
}
