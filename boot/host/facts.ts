// What this host is like. Reads, and tries the kernel in a network namespace of its own; changes nothing.
import { lookup } from 'node:dns/promises'
import { existsSync, readFileSync, statfsSync } from 'node:fs'
import { dirname } from 'node:path'
import { run } from '@polis/lib/run'
import type { Home } from '../home.ts'
import { type DockerEngine, findEngine } from './docker-engine.ts'
import { findConflicts, type PortConflict } from './ports.ts'

export interface DiskFacts {
  readonly path: string
  readonly freeBytes: number
  readonly freeFiles: number
}

export interface HostFacts {
  readonly isRoot: boolean
  /** What the kernel can make; undefined where only root may try. */
  readonly features: Readonly<Record<string, boolean>> | undefined
  readonly cgroups: 'v1' | 'v2' | 'none'
  readonly canLimitMemory: boolean
  readonly disks: readonly DiskFacts[]
  readonly memoryTotalBytes: number
  readonly memoryFreeBytes: number
  readonly now: Date
  /** When this Polis was built: no clock that is right says less. */
  readonly builtAt: Date | undefined
  readonly unresolvedNames: readonly string[]
  readonly docker: DockerEngine | undefined
  readonly ports: readonly number[]
  readonly portConflicts: readonly PortConflict[]
  readonly missingPrograms: readonly string[]
  /** Undefined: there is no installation yet. */
  readonly server: 'ready' | 'not ready' | 'silent' | undefined
}

export interface FactsOptions {
  readonly home: Home
  readonly dockerSocketPath: string
  readonly ports: readonly number[]
  readonly builtAt: Date | undefined
  readonly missingPrograms: readonly string[]
  readonly apiUrl: string | undefined
  readonly names: readonly string[]
}

const MIB = 1024 * 1024

/** Each is made in a namespace that ends with the command. */
const KERNEL_TRIALS: Readonly<Record<string, readonly string[]>> = {
  bridge: ['ip', 'link', 'add', 'polis0', 'type', 'bridge'],
  veth: ['ip', 'link', 'add', 'polis0', 'type', 'veth'],
  vxlan: ['ip', 'link', 'add', 'polis0', 'type', 'vxlan', 'id', '42', 'dstport', '4789'],
  nftables: ['nft', 'add', 'table', 'inet', 'polis'],
}

async function succeeds(program: string, args: readonly string[]): Promise<boolean> {
  try {
    await run(program, args, { signal: AbortSignal.timeout(5000) })
    return true
  } catch {
    return false
  }
}

async function tryKernel(): Promise<Readonly<Record<string, boolean>>> {
  const features: Record<string, boolean> = {
    overlay: knowsOverlay() || ((await succeeds('modprobe', ['overlay'])) && knowsOverlay()),
  }
  for (const [name, command] of Object.entries(KERNEL_TRIALS)) {
    features[name] = await succeeds('unshare', ['--net', ...command])
  }
  return features
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

const knowsOverlay = (): boolean => /\boverlay$/m.test(readText('/proc/filesystems'))

function readCgroups(): Pick<HostFacts, 'cgroups' | 'canLimitMemory'> {
  const unified = readText('/sys/fs/cgroup/cgroup.controllers')
  if (unified !== '') return { cgroups: 'v2', canLimitMemory: /\bmemory\b/.test(unified) }
  const mounts = readText('/proc/mounts').split('\n')
  const isMounted = mounts.some((line) => line.split(' ')[2] === 'cgroup')
  const canLimitMemory = existsSync('/sys/fs/cgroup/memory/memory.limit_in_bytes')
  return { cgroups: isMounted ? 'v1' : 'none', canLimitMemory }
}

/** Of the file system on which the folder is, or will be. */
function readDisk(folder: string): DiskFacts {
  const path = existsSync(folder) ? folder : dirname(folder)
  if (path !== folder && !existsSync(path)) return readDisk(path)
  const { bavail, bsize, ffree, files } = statfsSync(path)
  return {
    path,
    freeBytes: bavail * bsize,
    freeFiles: files === 0 ? Number.MAX_SAFE_INTEGER : ffree,
  }
}

function readMemory(key: string): number {
  const line = new RegExp(`^${key}:\\s+(\\d+) kB`, 'm').exec(readText('/proc/meminfo'))
  return Number(line?.[1] ?? 0) * 1024
}

async function isResolved(name: string): Promise<boolean> {
  const timeout = AbortSignal.timeout(5000)
  const late = new Promise<boolean>((resolve) => {
    timeout.addEventListener('abort', () => resolve(false))
  })
  return Promise.race([
    lookup(name).then(
      () => true,
      () => false,
    ),
    late,
  ])
}

async function askServer(apiUrl: string | undefined): Promise<HostFacts['server']> {
  if (apiUrl === undefined) return undefined
  try {
    const response = await fetch(`${apiUrl}/readyz`, { signal: AbortSignal.timeout(3000) })
    return response.ok ? 'ready' : 'not ready'
  } catch {
    return 'silent'
  }
}

export async function collectFacts(options: FactsOptions): Promise<HostFacts> {
  const { home, dockerSocketPath, ports, names } = options
  const isRoot = process.getuid?.() === 0
  const [docker, portConflicts, resolved, features, server] = await Promise.all([
    findEngine(dockerSocketPath),
    findConflicts(home, ports, dockerSocketPath),
    Promise.all(names.map(isResolved)),
    isRoot ? tryKernel() : undefined,
    askServer(options.apiUrl),
  ])
  const folders = [home.root, ...(docker === undefined ? [] : [docker.dataDir])]
  return {
    isRoot,
    features,
    ...readCgroups(),
    disks: folders.map((folder) => readDisk(folder)),
    memoryTotalBytes: readMemory('MemTotal'),
    memoryFreeBytes: readMemory('MemAvailable'),
    now: new Date(),
    builtAt: options.builtAt,
    unresolvedNames: names.filter((_, n) => resolved[n] !== true),
    docker,
    ports,
    portConflicts,
    missingPrograms: options.missingPrograms,
    server,
  }
}

export function toSize(bytes: number): string {
  const mib = bytes / MIB
  return mib < 10_240 ? `${Math.round(mib)} MiB` : `${Math.round(mib / 1024)} GiB`
}
