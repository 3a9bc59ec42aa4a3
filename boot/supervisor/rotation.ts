// Keeps log files small while programs write to them: the content is copied away and the file cut to nothing, which
// a writer that opened it for appending does not notice.
import { copyFileSync, existsSync, readdirSync, renameSync, statSync, truncateSync } from 'node:fs'
import { join } from 'node:path'

export interface RotationLimits {
  readonly maxBytes: number
  /** Older ones beside the file that is written. */
  readonly kept: number
}

export const LOG_LIMITS: RotationLimits = { maxBytes: 10 * 1024 * 1024, kept: 3 }

/** Rotates every `*.log` in the folder that has grown over the limit. A few lines may be lost at the cut. */
export function rotateLogs(logsDir: string, { maxBytes, kept }: RotationLimits): void {
  for (const name of readdirSync(logsDir)) {
    const path = join(logsDir, name)
    if (!name.endsWith('.log') || statSync(path).size <= maxBytes) continue
    for (let n = kept - 1; n >= 1; n -= 1) {
      if (existsSync(`${path}.${n}`)) renameSync(`${path}.${n}`, `${path}.${n + 1}`)
    }
    // Under another name first: a copy cut short by a full disk must not take an older one's place.
    copyFileSync(path, `${path}.part`)
    renameSync(`${path}.part`, `${path}.1`)
    truncateSync(path, 0)
  }
}
