// Finds every process of one rig server by reading /proc, so that none outlives its test.
import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs'
import { until } from '@polis/lib/until'

/** The environment variable that marks what a server's test started; children inherit it. */
export const MARK = 'POLIS_RIG_SERVER'

interface Process {
  readonly pid: number
  readonly parentPid: number
  readonly command: string
  readonly isMarked: boolean
  readonly cgroups: string
  readonly mountNs: string
  readonly netNs: string
}

/** Undefined for a process that is gone, dead or the kernel's own. */
function readProcess(pid: number, mark: string): Process | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const afterName = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    if (afterName[0] === 'Z' || afterName[0] === 'X') return undefined
    return {
      pid,
      parentPid: Number(afterName[1]),
      command: readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim(),
      isMarked: readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(mark),
      cgroups: readFileSync(`/proc/${pid}/cgroup`, 'utf8'),
      mountNs: readlinkSync(`/proc/${pid}/ns/mnt`),
      netNs: readlinkSync(`/proc/${pid}/ns/net`),
    }
  } catch {
    return undefined
  }
}

function netNsOf(serverName: string): string | undefined {
  const stat = statSync(`/run/netns/${serverName}`, { throwIfNoEntry: false })
  return stat === undefined ? undefined : `net:[${stat.ino}]`
}

/**
 * Live processes of the server: marked ones, all in a namespace of its own or in its cgroup, and their descendants.
 * Namespaces are looked up now and never remembered: the kernel gives a dead one's number to the next.
 */
function findProcesses(serverName: string): readonly Process[] {
  const mark = `${MARK}=${serverName}`
  const all = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => readProcess(Number(name), mark))
    .filter((found) => found !== undefined)
  const hostMountNs = readlinkSync('/proc/self/ns/mnt')
  const mountNs = new Set(all.filter((p) => p.isMarked).map((p) => p.mountNs))
  mountNs.delete(hostMountNs)
  const netNs = netNsOf(serverName)
  const cgroup = new RegExp(`/${serverName}(?:/|$)`, 'm')
  const own = new Set(
    all
      .filter(
        (p) => p.isMarked || mountNs.has(p.mountNs) || p.netNs === netNs || cgroup.test(p.cgroups),
      )
      .map((p) => p.pid),
  )
  for (let before = -1; before !== own.size;) {
    before = own.size
    for (const p of all) if (own.has(p.parentPid)) own.add(p.pid)
  }
  own.delete(process.pid)
  return all.filter((p) => own.has(p.pid))
}

/** One line for each live process of the server. */
export function listProcesses(serverName: string): readonly string[] {
  return findProcesses(serverName).map((p) => `process ${p.pid}: ${p.command}`)
}

/** Ends by SIGKILL all processes of the server and returns when none is left; safe to repeat. */
export async function killProcesses(serverName: string): Promise<void> {
  await until(
    () => {
      const found = findProcesses(serverName)
      for (const { pid } of found) {
        try {
          process.kill(pid, 'SIGKILL')
        } catch {
          // It ended by itself meanwhile.
        }
      }
      return found.length === 0
    },
    { deadlineMs: 20_000, everyMs: 20, what: `end the processes of ${serverName}` },
  )
}
