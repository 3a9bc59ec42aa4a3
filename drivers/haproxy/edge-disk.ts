// The files of an edge: what it was given, kept current so that a restart or reload forgets nothing.
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import {
  ADMITTED_FILE,
  CERTIFICATES_FILE,
  CONFIG_FILE,
  type EdgeLayout,
  HOSTS_FILE,
  TLS_DIR,
  WILDCARDS_FILE,
} from './layout.ts'
import { type EdgePlan, EdgeState, INITIAL_STATE } from './plan.ts'

/** Path below the folder to text. */
export type EdgeFiles = ReadonlyMap<string, string>

/** All that HAProxy reads, for a folder where it will lie. */
export function filesOf(plan: EdgePlan, config: string, folder: string): EdgeFiles {
  const { contents, pems } = plan
  const list = [...contents.certificates].map(
    ([file, host]) => `${join(folder, TLS_DIR, file)} ${host}`,
  )
  return new Map([
    [CONFIG_FILE, config],
    [HOSTS_FILE, toText([...contents.hosts].map((pair) => pair.join(' ')))],
    [WILDCARDS_FILE, toText(contents.wildcards.map((pair) => pair.join(' ')))],
    [ADMITTED_FILE, toText([...contents.admitted])],
    [CERTIFICATES_FILE, toText(list)],
    ...[...pems].map(([file, text]) => [join(TLS_DIR, file), text] as const),
  ])
}

function toText(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join('')
}

/** Writes what differs; each file is either the old one or the new one at any moment. */
export async function writeFiles(folder: string, files: EdgeFiles): Promise<void> {
  await mkdir(join(folder, TLS_DIR), { recursive: true, mode: 0o700 })
  for (const [path, text] of files) await writeWhole(join(folder, path), text)
}

/** Removes certificates that `files` does not have. */
export async function pruneCertificates(folder: string, files: EdgeFiles): Promise<void> {
  const names = await readdir(join(folder, TLS_DIR))
  const unwanted = names.filter((name) => !files.has(join(TLS_DIR, name)))
  await Promise.all(unwanted.map((name) => rm(join(folder, TLS_DIR, name), { force: true })))
}

/** What was asked for last; the initial state when nothing readable is there, which a table then mends. */
export async function readState(layout: EdgeLayout): Promise<EdgeState> {
  try {
    return EdgeState.parse(JSON.parse(await readFile(layout.statePath, 'utf8')))
  } catch {
    return INITIAL_STATE
  }
}

export async function writeState(layout: EdgeLayout, state: EdgeState): Promise<void> {
  await writeWhole(layout.statePath, JSON.stringify(state))
}

async function writeWhole(path: string, text: string): Promise<void> {
  const before = await readFile(path, 'utf8').catch(() => undefined)
  if (before === text) return
  const next = `${path}.next`
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  await writeFile(next, text, { mode: 0o600 })
  await rename(next, path)
}
