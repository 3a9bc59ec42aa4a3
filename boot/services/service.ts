import { createHash } from 'node:crypto'
import { isAbsolute } from 'node:path'
import { isDnsLabel } from '@polis/lib/names'
import { z } from 'zod'

/** A program that runs as long as Polis is up, or as workloads stand on it. */
export const Service = z
  .strictObject({
    name: z.string().refine(isDnsLabel, 'must be a DNS label'),
    description: z.string(),
    program: z.string().refine(isAbsolute, 'must be an absolute path'),
    args: z.array(z.string()).readonly(),
    /** All of its environment. */
    env: z.record(z.string(), z.string()).readonly(),
    /** False for engines: a change waits for their next start, since workloads stand on them. */
    restartsOnChange: z.boolean(),
    /** From SIGTERM to SIGKILL. */
    stopTimeoutMs: z.number().int().positive(),
    /** Files over which the program does not start, left by one that was killed. */
    stalePidFiles: z.array(z.string()).readonly(),
    /** Changes when the program's own content does. */
    build: z.string(),
  })
  .readonly()
export type Service = z.infer<typeof Service>

export interface ServiceStatus {
  readonly name: string
  readonly pid: number | undefined
  /** Since whoever looks after it started. */
  readonly restarts: number
}

/** Looks after the services of one installation. */
export interface ServiceRunner {
  readonly type: 'systemd' | 'supervisor'
  /** All of these have been started as written, and no other of the installation runs. Safe to repeat. */
  ensure(services: readonly Service[], signal: AbortSignal): Promise<void>
  list(signal: AbortSignal): Promise<readonly ServiceStatus[]>
  /** Nobody looks after them any more; what runs goes on. Safe to repeat. */
  leave(signal: AbortSignal): Promise<void>
}

/** Changes when the service has to be started anew for what is written to hold. */
export function serviceHash(service: Service): string {
  return createHash('sha256').update(JSON.stringify(service)).digest('hex')
}
