import type { Command } from 'commander'
import { PolisError, toPolisError } from '@polis/lib/error'
import { InstallationStatus, ServerVersion } from '../documents/installation.ts'
import type { ResultOf } from '../graphql.ts'
import { toTable } from '../output/table.ts'
import { toSize } from '../output/units.ts'
import type { Finding, Session, Shell } from '../shell.ts'
import { examples } from './options.ts'

type Status = ResultOf<typeof InstallationStatus>
type Node = Status['installation']['nodes'][number]

export function addInstallation(program: Command, shell: Shell): void {
  const status = program
    .command('status')
    .description('Show how the installation is.')
    .action(() => shell.run(status, showStatus))
  examples(status, 'polis status', 'polis status -o json')
  const version = program
    .command('version')
    .description('Show the versions of the shell and of the server.')
    .action(() => shell.run(version, showVersion))
  examples(version, 'polis version')
  const doctor = program
    .command('doctor')
    .description('Say what is wrong, and what to do about each finding.')
    .action(() => shell.run(doctor, examine))
  examples(doctor, 'polis doctor')
}

async function showStatus(session: Session): Promise<void> {
  const client = await session.client()
  const answer = await client.ask(InstallationStatus, {})
  const { installation, instances } = answer
  const { uid, version, url, isReady, nodes, conditions } = installation
  const value = { url, version, uid, isReady, nodes, conditions, apps: instances.total }
  session.printer.result(value, () => statusText(answer))
}

function statusText({ installation, instances, me }: Status): string {
  const { url, version, isReady, nodes, conditions } = installation
  const lines = [
    `Polis ${version} at ${url}: ${isReady ? 'ready' : 'not ready'}`,
    `  signed in as ${me?.name ?? 'nobody'}${me?.role ? ` (${me.role})` : ''}`,
    `  instances of applications: ${instances.total ?? 0}`,
  ]
  const table = toTable(nodes, [
    { title: 'NODE', text: ({ name }) => name },
    { title: 'STATE', text: (node) => nodeState(node) },
    { title: 'CPUS', text: ({ status }) => String(status.facts?.cpus ?? '-') },
    { title: 'MEMORY FREE', text: ({ status }) => toSize(status.facts?.memoryAvailableBytes) },
    { title: 'DISK FREE', text: ({ status }) => toSize(status.facts?.diskAvailableBytes) },
  ])
  const wrong = conditions.map(
    ({ objectKind, objectName, message, remedy }) =>
      `${objectKind} ${objectName}: ${message}${remedy === null ? '' : `\n  remedy: ${remedy}`}`,
  )
  return [lines.join('\n'), ...(nodes.length === 0 ? [] : [table]), ...wrong].join('\n\n')
}

export function nodeState({ isReady, spec }: Pick<Node, 'isReady' | 'spec'>): string {
  const state = isReady ? 'ready' : 'not ready'
  return spec.isSchedulable ? state : `${state}, cordoned`
}

async function showVersion(session: Session): Promise<void> {
  const { version } = session.deps
  let server: string | null = null
  let reason = ''
  try {
    const client = await session.client()
    server = (await client.ask(ServerVersion, {})).installation.version
  } catch (thrown) {
    reason = toPolisError(thrown, 'ask the server').message
  }
  session.printer.result({ shell: version, server }, () =>
    [`shell   ${version}`, `server  ${server ?? `unknown: ${reason}`}`].join('\n'),
  )
}

/** The host's own findings come from whoever brings them along; what the API knows is added here. */
async function examine(session: Session): Promise<void> {
  const { deps, printer } = session
  const local = (await deps.localFindings?.(deps.signal)) ?? []
  const findings = [...local, ...(await serverFindings(session))]
  printer.result(findings, () =>
    findings
      .map(({ check, status, message, remedy }) => {
        const mark =
          status === 'ok' ? printer.style.good('ok     ') : printer.style.bad(status.padEnd(7))
        return `${mark} ${check}: ${message}${remedy === undefined ? '' : `\n        remedy: ${remedy}`}`
      })
      .join('\n'),
  )
  const errors = findings.filter(({ status }) => status === 'error')
  if (errors.length === 0) return
  throw new PolisError('FailedPrecondition', `${errors.length} of ${findings.length} checks fail`)
}

async function serverFindings(session: Session): Promise<readonly Finding[]> {
  let answer: Status
  try {
    answer = await (await session.client()).ask(InstallationStatus, {})
  } catch (thrown) {
    const { message, hint } = toPolisError(thrown, 'ask the server')
    const remedy = hint === undefined ? {} : { remedy: hint }
    return [{ check: 'server', status: 'error', message, ...remedy }]
  }
  const { url, version, isReady, nodes, conditions } = answer.installation
  const ready = isReady ? ('ok' as const) : ('warning' as const)
  const message = `${version} at ${url}${isReady ? '' : ' is starting'}`
  return [
    { check: 'server', status: ready, message },
    ...(nodes.length === 0
      ? [
          {
            check: 'nodes',
            status: 'error' as const,
            message: 'no node has joined',
            remedy: 'see whether `polis agent` runs',
          },
        ]
      : nodes.map(nodeFinding)),
    ...conditions.map(({ objectKind, objectName, message: text, remedy }) => ({
      check: `${objectKind} ${objectName}`,
      status: 'error' as const,
      message: text,
      ...(remedy === null ? {} : { remedy }),
    })),
  ]
}

function nodeFinding({ name, isReady, status }: Node): Finding {
  const failing = status.conditions.find(({ type }) => type === 'Ready')
  return isReady
    ? { check: `node ${name}`, status: 'ok', message: 'ready' }
    : {
        check: `node ${name}`,
        status: 'error',
        message: failing?.message ?? 'not ready',
        ...(failing?.remedy ? { remedy: failing.remedy } : {}),
      }
}
