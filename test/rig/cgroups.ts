import { existsSync, readdirSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { until } from '@polis/lib/until'

const ROOT = '/sys/fs/cgroup'

/** The server's groups: one on a machine with cgroup v2, one in each hierarchy with v1. */
export function findCgroups(serverName: string): readonly string[] {
  const hierarchies = readdirSync(ROOT, { withFileTypes: true }).filter((e) => e.isDirectory())
  const parents = [ROOT, ...hierarchies.map((entry) => join(ROOT, entry.name))]
  return parents.map((parent) => join(parent, serverName)).filter((path) => existsSync(path))
}

function removeTree(path: string): void {
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    if (entry.isDirectory()) removeTree(join(path, entry.name))
  }
  rmdirSync(path)
}

/** Removes the server's groups; its processes must be gone. A group stays busy for a moment after its last one. */
export async function removeCgroups(serverName: string): Promise<void> {
  await until(
    () => {
      findCgroups(serverName).forEach(removeTree)
      return true
    },
    { deadlineMs: 10_000, everyMs: 20, what: `remove the cgroups of ${serverName}` },
  )
}
