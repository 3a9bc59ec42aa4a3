import {
  closeSync,
  fchmodSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'
import type { z } from 'zod'

/** The whole of `text` or what was there before, also after a power cut. 0600 unless told otherwise. */
export function replaceFile(path: string, text: string, mode = 0o600): void {
  const partPath = `${path}.${process.pid}.part`
  const file = openSync(partPath, 'w', mode)
  try {
    fchmodSync(file, mode)
    writeSync(file, text)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  renameSync(partPath, path)
  const folder = openSync(dirname(path), 'r')
  fsyncSync(folder)
  closeSync(folder)
}

/** What the file holds; undefined when it is not there or not what the schema says. */
export function findJson<T>(path: string, schema: z.ZodType<T>): T | undefined {
  try {
    return schema.safeParse(JSON.parse(readFileSync(path, 'utf8'))).data
  } catch {
    return undefined
  }
}
