import { spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { once } from 'node:events'
import { PolisError } from '@polis/lib/error'

export interface LaunchRequest {
  readonly program: string
  readonly args: readonly string[]
  /** Both are appended to; the access log is what the program writes to its standard output. */
  readonly outputPath: string
  readonly errorPath: string
}

/** Starts a program that must outlive this one, and returns its pid. */
export type Launch = (request: LaunchRequest) => Promise<number>

/**
 * In a session of its own, files as its output: nothing of it ends with the agent. A host whose init ends everything
 * of the agent's unit (systemd without `KillMode=process`) needs a launch of its own.
 */
export const launchDetached: Launch = async ({ program, args, outputPath, errorPath }) => {
  await using output = await open(outputPath, 'a', 0o600)
  await using errors = await open(errorPath, 'a', 0o600)
  const child = spawn(program, [...args], {
    detached: true,
    cwd: '/',
    stdio: ['ignore', output.fd, errors.fd],
  })
  child.unref()
  try {
    await once(child, 'spawn')
  } catch (cause) {
    throw new PolisError('Unavailable', `${program} is not installed`, {
      cause,
      hint: 'apt-get install haproxy',
    })
  }
  if (child.pid === undefined) throw new PolisError('Internal', `${program} has no pid`)
  return child.pid
}

/** When a process started, in kernel ticks: with the pid it names one process for good. */
export function startOf(pid: number): string | undefined {
  const stat = readProc(`${pid}/stat`)
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ')
  return fields?.[0] === 'Z' ? undefined : fields?.[19]
}

/** Pids of the HAProxy processes that have `argument` on their command line. */
export function findByArgument(argument: string): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => readProc(`${pid}/comm`)?.trim() === 'haproxy')
    .filter((pid) => readProc(`${pid}/cmdline`)?.split('\0').includes(argument))
    .map(Number)
    .filter((pid) => startOf(pid) !== undefined)
}

/** Sends a signal; a process that is gone is fine. */
export function sendSignal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch (cause) {
    if (!(cause instanceof Error && 'code' in cause && cause.code === 'ESRCH')) throw cause
  }
}

function readProc(path: string): string | undefined {
  try {
    return readFileSync(`/proc/${path}`, 'utf8')
  } catch {
    return undefined
  }
}
