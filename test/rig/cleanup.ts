// Takes a server away knowing only its name and folder, so that one left by a killed test run can be too.
import { mkdirSync, readdirSync, readFileSync, writeFileSync, existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { until } from '@polis/lib/until'
import { z } from 'zod'
import { findCgroups, removeCgroups } from './cgroups.ts'
import {
  disconnectServer,
  listNetworkLeftovers,
  networkOf,
  releaseNetwork,
  type ServerNetwork,
} from './network.ts'
import { killProcesses, listProcesses } from './processes.ts'

const ROOT = join(tmpdir(), 'polis-rig')

const Claim = z.strictObject({
  ownerPid: z.number(),
  ownerStart: z.string(),
  subnetIndex: z.number(),
})
type Claim = z.infer<typeof Claim>

export const folderOf = (serverName: string): string => join(ROOT, serverName)
const claimPath = (serverName: string): string => join(folderOf(serverName), 'claim.json')

/** When a process started, in kernel ticks: with the pid it names one process for good. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  } catch {
    return undefined
  }
}

/** Notes on disk whose server this is and which subnet it has. */
export function writeClaim(serverName: string, subnetIndex: number): void {
  const claim: Claim = {
    ownerPid: process.pid,
    ownerStart: startOf(process.pid) ?? '',
    subnetIndex,
  }
  mkdirSync(folderOf(serverName), { recursive: true })
  writeFileSync(claimPath(serverName), JSON.stringify(claim))
}

function findClaim(serverName: string): Claim | undefined {
  try {
    return Claim.parse(JSON.parse(readFileSync(claimPath(serverName), 'utf8')))
  } catch {
    return undefined
  }
}

function findNetwork(serverName: string): ServerNetwork | undefined {
  const index = findClaim(serverName)?.subnetIndex
  return index === undefined ? undefined : networkOf(index)
}

/** Ends all processes and takes away the network and the cgroups; the folder stays. Safe to repeat. */
export async function switchOff(serverName: string, signal: AbortSignal): Promise<void> {
  await killProcesses(serverName)
  await disconnectServer(serverName, findNetwork(serverName), signal)
  await removeCgroups(serverName)
}

/** Takes away everything, the folder last, since it tells what else there is. Safe to repeat. */
export async function removeServer(serverName: string, signal: AbortSignal): Promise<void> {
  await switchOff(serverName, signal)
  const network = findNetwork(serverName)
  if (network !== undefined) await releaseNetwork(network, signal)
  // The kernel lets go of a dead namespace's mounts a moment after its last process.
  const removeFolder = async (): Promise<boolean> => {
    await rm(folderOf(serverName), { recursive: true, force: true })
    return true
  }
  await until(removeFolder, { deadlineMs: 30_000, signal, what: `remove ${folderOf(serverName)}` })
}

/** One line for each thing of the server that is still on this machine. `network` as it was before the removal. */
export async function listLeftovers(
  serverName: string,
  network: ServerNetwork | undefined,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const folder = folderOf(serverName)
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n')
  return [
    ...listProcesses(serverName),
    ...(await listNetworkLeftovers(serverName, network, signal)),
    ...mounts.filter((line) => line.includes(serverName)).map((line) => `mount ${line}`),
    ...findCgroups(serverName).map((path) => `cgroup ${path}`),
    ...(existsSync(folder) ? [`folder ${folder}`] : []),
  ]
}

/** Takes away the servers whose test process is gone; returns their names. */
export async function sweepAbandoned(signal: AbortSignal): Promise<readonly string[]> {
  const names = existsSync(ROOT) ? readdirSync(ROOT) : []
  const abandoned = names.filter((name) => {
    const claim = findClaim(name)
    return claim !== undefined && startOf(claim.ownerPid) !== claim.ownerStart
  })
  for (const name of abandoned) await removeServer(name, signal)
  return abandoned
}
