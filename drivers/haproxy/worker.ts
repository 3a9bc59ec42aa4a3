import { join } from 'node:path'
import {
  type Change,
  type ContentPaths,
  decideChanges,
  deletableServers,
  type WorkerContents,
  wordsOf,
} from './changes.ts'
import { ask } from './cli-socket.ts'
import { notInSync } from './errors.ts'
import {
  ADMITTED_FILE,
  CERTIFICATES_FILE,
  type EdgeLayout,
  HOSTS_FILE,
  TLS_DIR,
  WILDCARDS_FILE,
  workerSocketOf,
} from './layout.ts'
import {
  parseAcl,
  parseBackends,
  parseCertificates,
  parseGatewaySessions,
  parseMap,
  parseServers,
} from './observed.ts'
import { type EdgeContents, SUCCESSOR } from './plan.ts'

/** Says lines to one worker and returns its answers joined. */
export type Speak = (lines: readonly string[], signal: AbortSignal) => Promise<string>

// HAProxy reads a command line into one buffer of 16 KiB.
const MAX_LINE_BYTES = 8_000

/** The worker that accepts connections, known by its shape. */
export function speakToWorker(layout: EdgeLayout, shape: string): Speak {
  const socket = workerSocketOf(layout, shape)
  return (lines, signal) => askAll(socket, lines, signal)
}

/** A worker that a reload replaced, reached through the master. */
export function speakToOldWorker(layout: EdgeLayout, pid: number): Speak {
  return (lines, signal) => {
    const addressed = lines.map((line) => `@!${pid} ${line}`)
    return askAll(layout.masterSocket, addressed, signal)
  }
}

async function askAll(
  socket: string,
  lines: readonly string[],
  signal: AbortSignal,
): Promise<string> {
  let answer = ''
  for (const batch of batched(lines)) {
    // HAProxy 2.4 takes dynamic servers as an experiment; to its successors the first words are nothing.
    const isDynamic = /\b(?:add|del) server /.test(batch)
    answer += await ask(socket, isDynamic ? `experimental-mode on; ${batch}` : batch, signal)
  }
  return answer
}

function batched(lines: readonly string[]): readonly string[] {
  const batches: string[] = []
  let batch = ''
  for (const line of lines) {
    const joined = batch === '' ? line : `${batch}; ${line}`
    if (joined.length > MAX_LINE_BYTES && batch !== '') {
      batches.push(batch)
      batch = line
    } else batch = joined
  }
  return batch === '' ? batches : [...batches, batch]
}

export function pathsOf(layout: EdgeLayout): ContentPaths {
  const inLive = (name: string): string => join(layout.liveDir, name)
  return {
    hosts: inLive(HOSTS_FILE),
    wildcards: inLive(WILDCARDS_FILE),
    admitted: inLive(ADMITTED_FILE),
    certificates: inLive(CERTIFICATES_FILE),
    tls: (file) => join(layout.liveDir, TLS_DIR, file),
  }
}

/**
 * Brings a worker to what is wanted, as far as its shape allows, and looks again whether it is so.
 * True when something had to change. Throws Internal when HAProxy did not do as told.
 */
export async function syncWorker(
  speak: Speak,
  wanted: EdgeContents,
  paths: ContentPaths,
  pems: ReadonlyMap<string, string>,
  signal: AbortSignal,
): Promise<boolean> {
  const before = await observeWorker(speak, paths, signal)
  const changes = decideChanges(before, wanted, paths, pems)
  await applyChanges(speak, changes, signal)
  // Only those out of use since an earlier table: HAProxy refuses while a connection is left, and that is fine.
  const unused = before.servers.filter(({ isInUse }) => !isInUse)
  const deletions = deletableServers({ servers: unused }, wanted)
  await applyChanges(speak, deletions, signal)
  if (changes.length === 0) return false
  const after = await observeWorker(speak, paths, signal)
  const rest = decideChanges(after, wanted, paths, pems)
  if (rest.length > 0) throw notInSync(rest.map((one) => wordsOf(one)))
  return true
}

/** Ends the connections through the gateway whose source is admitted no more. */
export async function endRevokedSessions(
  speak: Speak,
  wanted: EdgeContents,
  signal: AbortSignal,
): Promise<void> {
  const sessions = parseGatewaySessions(await speak(['show sess'], signal))
  const revoked = sessions.filter(({ frontend, source }) => {
    const port = frontend.slice('gateway_'.length)
    return !wanted.admitted.has(`${source}_${port}`)
  })
  if (revoked.length === 0) return
  await speak(
    revoked.map(({ id }) => `shutdown session ${id}`),
    signal,
  )
}

async function observeWorker(
  speak: Speak,
  paths: ContentPaths,
  signal: AbortSignal,
): Promise<WorkerContents> {
  const questions = [
    'show backend',
    'show servers state',
    `show map ${paths.hosts}`,
    `show map ${paths.wildcards}`,
    `show acl ${paths.admitted}`,
    `show ssl crt-list ${paths.certificates}`,
  ]
  const answers = await Promise.all(questions.map((question) => speak([question], signal)))
  const [backends = '', servers = '', hosts = '', wildcards = '', admitted = '', list = ''] =
    answers
  return {
    backends: parseBackends(backends),
    servers: parseServers(servers).filter(({ backend }) => backend !== SUCCESSOR),
    hosts: new Map(parseMap(hosts)),
    wildcards: parseMap(wildcards),
    admitted: parseAcl(admitted),
    certificates: parseCertificates(list),
  }
}

async function applyChanges(
  speak: Speak,
  changes: readonly Change[],
  signal: AbortSignal,
): Promise<void> {
  let commands: string[] = []
  const flush = async (): Promise<void> => {
    if (commands.length > 0) await speak(commands, signal)
    commands = []
  }
  for (const one of changes) {
    if (one.kind === 'command') {
      commands.push(one.command)
      continue
    }
    await flush()
    if (one.kind === 'map') await replaceMap(speak, one.path, one.entries, signal)
    else await speak([`${one.command} <<\n${one.payload}\n`], signal)
  }
  await flush()
}

async function replaceMap(
  speak: Speak,
  path: string,
  entries: readonly (readonly [string, string])[],
  signal: AbortSignal,
): Promise<void> {
  const answer = await speak([`prepare map ${path}`], signal)
  const version = /New version created: (?<version>\d+)/.exec(answer)?.groups?.['version']
  if (version === undefined) throw notInSync([`prepare map ${path}`])
  const lines = entries.map(([key, value]) => `add map @${version} ${path} ${key} ${value}`)
  await speak([...lines, `commit map @${version} ${path}`], signal)
}
