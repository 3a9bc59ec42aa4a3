import { readFile } from 'node:fs/promises'
import { PolisError } from '@polis/lib/error'
import { run } from '@polis/lib/run'

/** What the HAProxy found here can do beyond what all that Polis knows can. */
export interface EngineAbilities {
  /** Knows `option idle-close-on-response`: a reload then costs no request. */
  readonly canEndIdleGently: boolean
  /** How many files a process started here may have open. */
  readonly maxOpenFiles: number
}

/** Whom HAProxy becomes once it listens. */
export interface UnprivilegedUser {
  readonly user: string
  readonly group: string
}

/** Throws Unavailable when the program is not installed. */
export async function findAbilities(
  program: string,
  signal: AbortSignal,
): Promise<EngineAbilities> {
  const { stdout } = await run(program, ['-v'], { signal }).catch((cause: unknown) => {
    if (!(cause instanceof PolisError) || cause.code !== 'Unavailable') throw cause
    throw new PolisError('Unavailable', cause.message, { cause, hint: 'apt-get install haproxy' })
  })
  const { major, minor } = /version (?<major>\d+)\.(?<minor>\d+)/.exec(stdout)?.groups ?? {}
  const version = Number(major ?? 0) * 1000 + Number(minor ?? 0)
  return { canEndIdleGently: version >= 2006, maxOpenFiles: await findOpenFilesLimit() }
}

async function findOpenFilesLimit(): Promise<number> {
  const limits = await readFile('/proc/self/limits', 'utf8')
  const hard = /^Max open files\s+\S+\s+(?<hard>\d+)/m.exec(limits)?.groups?.['hard']
  return hard === undefined ? Number.MAX_SAFE_INTEGER : Number(hard)
}

/** Undefined when this program may not become somebody else: HAProxy then stays who it is. */
export async function findUnprivileged(): Promise<UnprivilegedUser | undefined> {
  if (process.getuid?.() !== 0) return undefined
  const [users, groups] = await Promise.all([namesIn('/etc/passwd'), namesIn('/etc/group')])
  if (users.has('haproxy') && groups.has('haproxy')) return { user: 'haproxy', group: 'haproxy' }
  return { user: 'nobody', group: groups.has('nogroup') ? 'nogroup' : 'nobody' }
}

async function namesIn(path: string): Promise<ReadonlySet<string>> {
  const lines = (await readFile(path, 'utf8')).split('\n')
  return new Set(lines.map((line) => line.split(':')[0] ?? ''))
}
