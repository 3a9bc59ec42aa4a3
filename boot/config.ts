// POLIS_HOME/config.json: what an installation is. Written once by `polis up`, read by every process of Polis.
import { readFileSync } from 'node:fs'
import { isAbsolute, join } from 'node:path'
import { PolisError, refusal } from '@polis/lib/error'
import { isDnsLabel } from '@polis/lib/names'
import { isUid } from '@polis/lib/uid'
import { z } from 'zod'
import { replaceFile } from './files.ts'
import type { Home } from './home.ts'

const PortNumber = z.number().int().min(1).max(65535)
const AbsolutePath = z.string().refine(isAbsolute, 'must be an absolute path')
const Listener = z
  .strictObject({ address: z.union([z.ipv4(), z.ipv6()]), port: PortNumber })
  .readonly()

export const Config = z
  .strictObject({
    version: z.literal(1),
    installationUid: z.string().refine(isUid, 'is not a uid'),
    /** For people, and what `polis uninstall --delete-data` wants to hear. */
    name: z.string().refine(isDnsLabel, 'must be a DNS label'),
    /** GraphQL, the shell and browsers. */
    api: Listener,
    /** Agents, over mTLS. */
    agents: Listener,
    edge: z.strictObject({ httpPort: PortNumber, httpsPort: PortNumber }).readonly(),
    dockerSocketPath: AbsolutePath,
    containerdSocketPath: AbsolutePath,
    /** Folders of this node below which Compose bind mounts may lie. */
    allowedVolumeRoots: z.array(AbsolutePath).readonly(),
    /** 0600, outside POLIS_HOME, so that no copy of the data holds the key to its secrets. */
    keyFile: AbsolutePath,
    /** Recipes of the stock images. */
    imagesDir: AbsolutePath,
  })
  .readonly()
export type Config = z.infer<typeof Config>

export interface ConfigChoices {
  readonly installationUid: string
  readonly name?: string
  readonly apiPort?: number
  readonly agentsPort?: number
  readonly httpPort: number
  readonly httpsPort: number
  readonly dockerSocketPath: string
  readonly keyFolder?: string
  readonly imagesDir: string
}

export const DEFAULT_API_PORT = 4750
export const DEFAULT_AGENTS_PORT = 4751
const LOOPBACK = '127.0.0.1'

export function newConfig(choices: ConfigChoices): Config {
  const { installationUid, httpPort, httpsPort, dockerSocketPath, imagesDir } = choices
  return Config.parse({
    version: 1,
    installationUid,
    name: choices.name ?? 'polis',
    api: { address: LOOPBACK, port: choices.apiPort ?? DEFAULT_API_PORT },
    agents: { address: LOOPBACK, port: choices.agentsPort ?? DEFAULT_AGENTS_PORT },
    edge: { httpPort, httpsPort },
    dockerSocketPath,
    containerdSocketPath: '/run/containerd/containerd.sock',
    allowedVolumeRoots: [],
    keyFile: join(choices.keyFolder ?? '/etc/polis', `${installationUid}.key`),
    imagesDir,
  })
}

/** Throws InvalidArgument with the path of everything that is wrong. */
export function parseConfig(text: string, file: string): Config {
  let input: unknown
  try {
    input = JSON.parse(text)
  } catch (cause) {
    throw new PolisError('InvalidArgument', `${file} is not JSON`, { cause, path: file })
  }
  const parsed = Config.safeParse(input)
  if (parsed.success) return parsed.data
  throw refusal(
    parsed.error.issues.map(({ path, message }) => ({
      code: 'InvalidArgument',
      path: path.join('.'),
      message: `${file}: ${path.join('.')}: ${message}`,
    })),
  )
}

/** Undefined: there is no installation at this home yet. */
export function findConfig(home: Home): Config | undefined {
  let text: string
  try {
    text = readFileSync(home.configFile, 'utf8')
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined
    throw new PolisError('Unavailable', `cannot read ${home.configFile}`, { cause })
  }
  return parseConfig(text, home.configFile)
}

/** Throws FailedPrecondition when there is no installation at this home. */
export function readConfig(home: Home): Config {
  const config = findConfig(home)
  if (config !== undefined) return config
  throw new PolisError('FailedPrecondition', `there is no installation at ${home.root}`, {
    hint: 'run `polis up`, or set POLIS_HOME',
  })
}

export function writeConfig(home: Home, config: Config): void {
  replaceFile(home.configFile, `${JSON.stringify(config, undefined, 2)}\n`)
}
