// Who stands in the way of the ports that Polis wants to open.
import { readFileSync } from 'node:fs'
import { findForeignOwners } from '@polis/driver-haproxy/port-owners'
import type { Home } from '../home.ts'
import { findPublisher } from './docker-engine.ts'

export interface PortConflict {
  readonly port: number
  /** "nginx (pid 812)", "Docker's container shop" */
  readonly owner: string
}

const NO_PROGRAM = '\0'

/** The installation's own programs are no conflict. */
export async function findConflicts(
  home: Home,
  ports: readonly number[],
  dockerSocketPath: string,
  address = '0.0.0.0',
): Promise<readonly PortConflict[]> {
  const wanted = ports.map((port) => ({ address, port }))
  const owners = await findForeignOwners(wanted, NO_PROGRAM)
  const conflicts: PortConflict[] = []
  for (const { port, owner } of owners) {
    if (isOwn(home, owner)) continue
    const publisher = await findPublisher(dockerSocketPath, port)
    conflicts.push({ port, owner: publisher ?? owner })
  }
  return conflicts
}

/** The edge and the processes of this installation name its home in their command line or environment. */
function isOwn(home: Home, owner: string): boolean {
  const pid = /\(pid (?<pid>\d+)\)$/.exec(owner)?.groups?.['pid']
  return ['cmdline', 'environ'].some((file) => {
    try {
      const entries = readFileSync(`/proc/${pid}/${file}`, 'utf8').split('\0')
      return entries.some(
        (entry) =>
          entry === home.root ||
          entry.startsWith(`${home.root}/`) ||
          entry === `POLIS_HOME=${home.root}`,
      )
    } catch {
      return false
    }
  })
}

const SPARE_PORTS: Readonly<Record<number, number>> = { 80: 8080, 443: 8443 }
const TRIES = 200

/** A free port to offer in place of one that is taken: 8080 for 80, 8443 for 443, or one above. */
export async function findSparePort(
  home: Home,
  port: number,
  dockerSocketPath: string,
): Promise<number> {
  const first = SPARE_PORTS[port] ?? port + 1
  const candidates = Array.from({ length: TRIES }, (_, n) => first + n)
  const taken = new Set(
    (await findConflicts(home, candidates, dockerSocketPath)).map((conflict) => conflict.port),
  )
  return candidates.find((candidate) => !taken.has(candidate)) ?? first
}
