import { closeSync, fdatasyncSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'

const PAGE = Buffer.alloc(4096, 1)

/** How many times a second one page can be appended to a file in `folder` and synced to its disk. */
export function measureFsyncRate(folder: string, durationMs = 1000): number {
  const path = join(folder, 'fsync-rate')
  const file = openSync(path, 'w')
  try {
    const startsAtMs = performance.now()
    let count = 0
    while (performance.now() - startsAtMs < durationMs) {
      writeSync(file, PAGE)
      fdatasyncSync(file)
      count += 1
    }
    return (count * 1000) / (performance.now() - startsAtMs)
  } finally {
    closeSync(file)
    rmSync(path)
  }
}
