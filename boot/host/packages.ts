import { accessSync, constants, existsSync, readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { z } from 'zod'

const Wanted = z.array(
  z.strictObject({
    program: z.string().optional(),
    file: z.string().optional(),
    package: z.string(),
    why: z.string(),
  }),
)

const SYSTEM_FOLDERS = ['/usr/local/sbin', '/usr/sbin', '/sbin', '/usr/bin', '/bin']

function isInstalled(program: string, path: string): boolean {
  return [...path.split(delimiter), ...SYSTEM_FOLDERS].some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

/** Packages of the list whose program or file is not there. */
export function missingPackages(listFile: string, path: string): readonly string[] {
  const missing = Wanted.parse(JSON.parse(readFileSync(listFile, 'utf8'))).filter(
    ({ program, file }) =>
      program === undefined ? !existsSync(file ?? '/') : !isInstalled(program, path),
  )
  return [...new Set(missing.map((each) => each.package))]
}
