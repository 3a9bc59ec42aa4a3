// POLIS_HOME/install.json: what installing changed outside POLIS_HOME, so that it can be undone.
import { z } from 'zod'
import { findJson, replaceFile } from './files.ts'
import type { Home } from './home.ts'

export const InstallRecord = z.strictObject({
  version: z.literal(1),
  /** Packages that were not installed before. */
  packages: z.array(z.string()).default([]),
  /** Files made outside POLIS_HOME, the key file apart. */
  files: z.array(z.string()).default([]),
})
export type InstallRecord = z.infer<typeof InstallRecord>

export function readInstallRecord(home: Home): InstallRecord {
  return findJson(home.installFile, InstallRecord) ?? { version: 1, packages: [], files: [] }
}

export function noteFile(home: Home, file: string): void {
  const record = readInstallRecord(home)
  if (record.files.includes(file)) return
  const files = [...record.files, file]
  replaceFile(home.installFile, `${JSON.stringify({ ...record, files }, undefined, 2)}\n`)
}
