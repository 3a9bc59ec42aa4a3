// `polis uninstall`: shows what installing changed here, and with --yes takes it back.
import { existsSync, readdirSync, rmdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { PolisError } from '@polis/lib/error'
import { run } from '@polis/lib/run'
import { type Config, readConfig } from '../config.ts'
import { type Home, homeOf, VOLATILE_DIR } from '../home.ts'
import { readInstallRecord } from '../install-record.ts'
import { chooseRunner } from '../services/choose-runner.ts'
import { newSteps, type Steps } from '../start/steps.mjs'
import type { Io } from '../terminal/io.ts'
import {
  endPrograms,
  findLeftovers,
  findMounts,
  findPrograms,
  removeLeftovers,
  unmountAll,
} from '../up/engine-leftovers.ts'
import { parse } from '../up/options.ts'
import { down } from './down.ts'

const HELP = `Usage: polis uninstall [--yes] [--delete-data NAME]

Shows what installing Polis changed on this host; with --yes, takes it back: stops Polis and its
workloads, and removes the packages it installed. Data stays unless the installation is named.

  --yes                do it
  --delete-data NAME   delete the data and the key of the installation NAME too: for good

Examples:
  polis uninstall
  polis uninstall --yes
  polis uninstall --yes --delete-data polis
`

interface Context {
  readonly home: Home
  readonly config: Config
  readonly isDeletingData: boolean
  readonly steps: Steps
  readonly io: Io
}

export async function uninstall(args: readonly string[], io: Io): Promise<number> {
  if (args.includes('--help') || args.includes('-h')) {
    io.out.write(HELP)
    return 0
  }
  const options = {
    yes: { type: 'boolean', default: false },
    'delete-data': { type: 'string' },
  } as const
  const { values } = parse(() => parseArgs({ args: [...args], options, strict: true }))
  const home = homeOf(io.env)
  const config = readConfig(home)
  const named = values['delete-data']
  if (named !== undefined && named !== config.name) {
    throw new PolisError('InvalidArgument', `this installation is not called ${named}`, {
      path: '--delete-data',
      hint: `write --delete-data ${config.name} to delete its data for good`,
    })
  }
  const isDeletingData = named !== undefined
  const context = { home, config, isDeletingData, steps: newSteps(io.out), io }
  if (values.yes) await undo(context)
  else await show(context)
  return 0
}

async function show({ home, config, isDeletingData, io }: Context): Promise<void> {
  const { packages, files } = readInstallRecord(home)
  const { dockerSocketPath, installationUid } = config
  const left = await findLeftovers(dockerSocketPath, installationUid, io.signal)
  const edges = findPrograms(home.root).length
  const { services, containers, networks } = left
  const removable = await removablePackages(packages, io.signal)
  const lines = [
    `Installation ${config.name} at ${home.root}. This would be undone:`,
    '  stop    the server, the agent, the edge and what looks after them',
    `  remove  ${services.length} services, ${containers.length} containers, ${networks.length} networks of its applications (${edges} programs of its own run)`,
    ...files.map((file) => `  remove  ${file}`),
    ...(removable.length === 0 ? [] : [`  purge   packages ${removable.join(' ')}`]),
    ...(isDeletingData
      ? [`  DELETE  ${home.root} with all volumes and databases, and ${config.keyFile}`]
      : [`  keep    ${home.root} with all volumes and databases, and ${config.keyFile}`]),
    '',
    `Nothing was changed. To do it: polis uninstall --yes${isDeletingData ? ` --delete-data ${config.name}` : ''}`,
    '',
  ]
  io.out.write(lines.join('\n'))
}

async function undo(context: Context): Promise<void> {
  const { home, config, isDeletingData, steps, io } = context
  const { packages, files } = readInstallRecord(home)
  const { installationUid, dockerSocketPath, keyFile } = config
  const { signal } = io
  const runner = chooseRunner(home, installationUid, io.env)
  await steps.run('Polis and its workloads stopped', async () => {
    // The server must not make again what is being taken away.
    await down([], { ...io, out: { write: () => undefined } })
    await removeLeftovers(dockerSocketPath, installationUid, signal)
    await endPrograms(home.root, signal)
    // Engines last: without them nothing above could be taken away.
    await runner.ensure([], signal)
    await runner.leave(signal)
    await deleteFolder(join(VOLATILE_DIR, installationUid), signal)
  })
  for (const file of files) rmSync(file, { force: true })
  const removable = await removablePackages(packages, signal)
  if (removable.length > 0) {
    await steps.run(`Packages purged: ${removable.join(' ')}`, () => purge(removable, signal))
  }
  if (!isDeletingData) {
    io.out.write(`\nThe data is still there: ${home.root} and ${keyFile}\n`)
    return
  }
  await steps.run(`Data deleted: ${home.root}`, async () => {
    await deleteFolder(home.root, signal)
    rmSync(keyFile, { force: true })
  })
}

/** Its content at least: the folder itself may be a disk's. Nothing is deleted through a mount. */
async function deleteFolder(folder: string, signal: AbortSignal): Promise<void> {
  await unmountAll(folder, signal)
  const [mount] = findMounts(folder)
  if (mount !== undefined) {
    throw new PolisError('FailedPrecondition', `${mount} is still mounted`)
  }
  if (!existsSync(folder)) return
  for (const name of readdirSync(folder)) rmSync(join(folder, name), { recursive: true })
  try {
    rmdirSync(folder)
  } catch {
    // A mount point stays.
  }
}

/** Those of the list that are installed and that nothing else on this host came to need. */
async function removablePackages(
  packages: readonly string[],
  signal: AbortSignal,
): Promise<readonly string[]> {
  if (packages.length === 0) return []
  const { stdout } = await run(
    'dpkg-query',
    ['--show', '--showformat=${Package} ${db:Status-Status}\\n'],
    { signal },
  )
  const installed = new Set(
    stdout
      .split('\n')
      .filter((line) => line.endsWith(' installed'))
      .map((line) => line.split(' ')[0] ?? ''),
  )
  const removable: string[] = []
  // One after the other: what something else came to need would take that along, and stays.
  for (const name of packages.filter((each) => installed.has(each))) {
    const others = await otherRemovals([...removable, name], signal)
    if (others.every((other) => packages.includes(other))) removable.push(name)
  }
  return removable
}

/** What apt would remove along with them. */
async function otherRemovals(
  packages: readonly string[],
  signal: AbortSignal,
): Promise<readonly string[]> {
  const { stdout } = await run('apt-get', ['--simulate', 'purge', ...packages], { signal })
  return [...stdout.matchAll(/^(?:Purg|Remv) (?<name>[^\s:]+)/gm)]
    .map((match) => match.groups?.['name'] ?? '')
    .filter((name) => !packages.includes(name))
}

async function purge(packages: readonly string[], signal: AbortSignal): Promise<void> {
  const env = { DEBIAN_FRONTEND: 'noninteractive' }
  await run('apt-get', ['purge', '-q', '-y', ...packages], { signal, env })
}
