// Which run of a program: a pid alone is given again, a pid with its start and the boot never is.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { z } from 'zod'

export const Incarnation = z
  .strictObject({
    pid: z.number().int().positive(),
    /** Field 22 of /proc/PID/stat, clock ticks since boot. */
    startTicks: z.number().int().nonnegative(),
    bootId: z.string(),
  })
  .readonly()
export type Incarnation = z.infer<typeof Incarnation>

function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
}

/** Undefined when no such program runs; one that has ended and was not yet reaped does not run. */
export function findIncarnation(pid: number): Incarnation | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const [state = '', ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    if (state === 'Z' || state === 'X') return undefined
    return { pid, startTicks: Number(fields[18]), bootId: bootId() }
  } catch {
    return undefined
  }
}

export function isRunning(incarnation: Incarnation): boolean {
  const found = findIncarnation(incarnation.pid)
  return found?.startTicks === incarnation.startTicks && found.bootId === incarnation.bootId
}

/** False when it has ended already. */
export function sendSignal(incarnation: Incarnation, signal: NodeJS.Signals): boolean {
  if (!isRunning(incarnation)) return false
  try {
    process.kill(incarnation.pid, signal)
    return true
  } catch {
    return false
  }
}

function hasEnvironment(pid: number, entry: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(entry)
  } catch {
    return false
  }
}

/** The file that runs under this pid; undefined when nothing does, or nothing we may look at. */
export function programOf(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/exe`).replace(/ \(deleted\)$/, '')
  } catch {
    return undefined
  }
}

/**
 * The one that was started with this entry in its environment. Its children inherit the entry: they run another
 * program, or began later.
 */
export function findByEnvironment(entry: string, program: string): Incarnation | undefined {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => programOf(pid) === program && hasEnvironment(pid, entry))
    .map((pid) => findIncarnation(pid))
    .filter((found) => found !== undefined)
    .toSorted((a, b) => a.startTicks - b.startTicks)[0]
}
