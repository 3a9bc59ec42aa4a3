import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { until } from '@polis/lib/until'

const WAIT_MS = 600_000

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

/** Takes the lock file, also from an owner that is gone. */
function tryLock(path: string): boolean {
  try {
    writeFileSync(path, String(process.pid), { flag: 'wx' })
    return true
  } catch {
    const owner = Number(readFileSync(path, 'utf8'))
    if (owner !== 0 && !isAlive(owner)) rmSync(path, { force: true })
    return false
  }
}

/** Runs `work` while no other process of this machine runs under the same lock. */
export async function withLock(
  path: string,
  signal: AbortSignal,
  work: () => Promise<void>,
): Promise<void> {
  await until(() => tryLock(path), {
    deadlineMs: WAIT_MS,
    everyMs: 200,
    signal,
    what: `lock ${path}`,
  })
  try {
    await work()
  } finally {
    rmSync(path, { force: true })
  }
}
