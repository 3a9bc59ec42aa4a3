import { existsSync, lstatSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Home } from '../home.ts'
import { noteFile } from '../install-record.ts'
import { programPath } from '../places.ts'

const MARK = '# Made by `polis up`.'

/** Puts `polis` where shells find it, unless something else of that name is there. Returns its path, if it is ours. */
export function linkCommand(home: Home, folder: string): string | undefined {
  const path = join(folder, 'polis')
  const text = `#!/bin/sh\n${MARK}\nexec '${process.execPath}' '${programPath('polis')}' "$@"\n`
  const isThere = lstatSync(path, { throwIfNoEntry: false }) !== undefined
  if (isThere && !(existsSync(path) && readFileSync(path, 'utf8').includes(MARK))) return undefined
  if (!isThere || readFileSync(path, 'utf8') !== text) {
    mkdirSync(folder, { recursive: true })
    writeFileSync(path, text, { mode: 0o755 })
  }
  noteFile(home, path)
  return path
}
