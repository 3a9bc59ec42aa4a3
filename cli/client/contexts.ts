import { chmod, mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { PolisError } from '@polis/lib/error'
import type { Environment } from '../shell.ts'
import type { Installation } from './client.ts'
import { isRecord, textOf } from './unknown.ts'

/** The installations this user knows. Kept where only the user can read, for it holds tokens. */
export interface Contexts {
  readonly current: string | undefined
  readonly installations: Readonly<Record<string, Installation>>
}

const NO_CONTEXTS: Contexts = { current: undefined, installations: {} }

export function contextsPath(env: Environment): string {
  const home = env['HOME'] ?? '.'
  return join(env['XDG_CONFIG_HOME'] ?? join(home, '.config'), 'polis', 'contexts.json')
}

/** Empty when there is no file. Throws FailedPrecondition when it cannot be understood. */
export async function readContexts(path: string): Promise<Contexts> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return NO_CONTEXTS
    throw new PolisError('FailedPrecondition', `${path} cannot be read`, { path, cause })
  }
  try {
    return parseContexts(JSON.parse(text))
  } catch (cause) {
    throw new PolisError('FailedPrecondition', `${path} is not a file of contexts`, {
      path,
      hint: 'mend it, or remove it and add the installations again',
      cause,
    })
  }
}

function parseContexts(value: unknown): Contexts {
  if (!isRecord(value) || !isRecord(value['contexts'])) throw new Error('no contexts')
  const entries = Object.entries(value['contexts']).map(([name, found]) => {
    const url = isRecord(found) ? textOf(found['url']) : undefined
    if (!isRecord(found) || url === undefined) throw new Error(`no url for ${name}`)
    const installation: Installation = {
      url,
      token: textOf(found['token']),
      certificateAuthority: textOf(found['ca']),
    }
    return [name, installation] as const
  })
  return { current: textOf(value['current']), installations: Object.fromEntries(entries) }
}

/** Replaces the file at once, so that nobody reads half of it. */
export async function writeContexts(path: string, contexts: Contexts): Promise<void> {
  const { current, installations } = contexts
  const entries = Object.entries(installations).map(([name, installation]) => {
    const { url, token, certificateAuthority: ca } = installation
    return [name, { url, token, ca }] as const
  })
  const text = JSON.stringify({ current, contexts: Object.fromEntries(entries) }, undefined, 2)
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  const draft = `${path}.${process.pid}.new`
  await writeFile(draft, `${text}\n`, { mode: 0o600 })
  await chmod(draft, 0o600)
  await rename(draft, path)
}

/** Which installation is meant: by flag, by environment, or the current one. Throws FailedPrecondition, NotFound. */
export async function chooseInstallation(
  env: Environment,
  asked: string | undefined,
): Promise<Installation> {
  const url = env['POLIS_URL']
  if (asked === undefined && url !== undefined && url !== '') {
    const file = env['POLIS_CA_FILE']
    return {
      url,
      token: env['POLIS_TOKEN'],
      certificateAuthority: file === undefined ? undefined : await readFile(file, 'utf8'),
    }
  }
  const { current, installations } = await readContexts(contextsPath(env))
  const name = asked ?? env['POLIS_CONTEXT'] ?? current
  if (name === undefined) {
    throw new PolisError('FailedPrecondition', 'no installation of Polis is known here', {
      hint: 'start one with `npm start`, or name one with `polis context add NAME URL`',
    })
  }
  const found = installations[name]
  if (found !== undefined) return found
  throw new PolisError('NotFound', `there is no context ${JSON.stringify(name)}`, {
    path: 'context',
    hint: 'polis context ls',
  })
}
