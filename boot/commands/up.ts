// `polis up`: from a host with its packages to a running Polis with the welcome application.
import { join } from 'node:path'
import { DockerClient } from '@polis/engine-docker/client'
import { ensureStockImage } from '@polis/engine-docker/stock-images'
import { PolisError, refusal } from '@polis/lib/error'
import { until } from '@polis/lib/until'
import { z } from 'zod'
import type { Config } from '../config.ts'
import { DEFAULT_HOME, type Home, homeOf, makeHome } from '../home.ts'
import { inspectHost } from '../host/doctor.ts'
import { judgeHost } from '../host/judge.ts'
import { EXAMPLES_DIR } from '../places.ts'
import { chooseRunner } from '../services/choose-runner.ts'
import { polisServices } from '../services/service-list.ts'
import type { ServiceRunner } from '../services/service.ts'
import { newSteps, type Steps } from '../start/steps.mjs'
import { tryLock } from '../supervisor/file-lock.ts'
import type { Io } from '../terminal/io.ts'
import { type ChosenConfig, chooseConfig } from '../up/choose-config.ts'
import { linkCommand } from '../up/command-link.ts'
import {
  type EngineDeps,
  planEngine,
  startDistributionEngine,
  untilEngineServes,
} from '../up/engine.ts'
import { farewell } from '../up/farewell.ts'
import { apiUrl, LocalShell, signShellIn } from '../up/local-shell.ts'
import { parseUpOptions, UP_HELP, type UpOptions } from '../up/options.ts'

const READY_MS = 60_000
/** Checks that keep Polis from running at all; the others are only said. */
const DECISIVE = new Set(['kernel', 'cgroups', 'disk', 'clock', 'docker'])

export async function up(args: readonly string[], io: Io): Promise<number> {
  if (args.includes('--help') || args.includes('-h')) {
    io.out.write(UP_HELP)
    return 0
  }
  const options = parseUpOptions(args)
  if (process.getuid?.() !== 0) {
    throw new PolisError('PermissionDenied', 'polis up needs root', { hint: 'sudo polis up' })
  }
  const home = homeOf(io.env)
  makeHome(home)
  const lock = tryLock(join(home.runDir, 'up.lock'))
  if (lock === undefined) {
    throw new PolisError('FailedPrecondition', `another polis up is at work on ${home.root}`)
  }
  try {
    await bringUp(home, options, io)
    return 0
  } finally {
    lock.release()
  }
}

async function bringUp(home: Home, options: UpOptions, io: Io): Promise<void> {
  const steps = newSteps(io.out)
  const chosen = await chooseConfig(home, options, io)
  for (const note of chosen.notes) steps.note(note)
  const { config } = chosen
  const runner = chooseRunner(home, config.installationUid, io.env)
  await startEngine(home, chosen, runner, steps, io)
  await refuseBadHost(home, config, steps, io)
  const docker = new DockerClient({ socketPath: config.dockerSocketPath })
  await steps.run('Base image polis/debian:12', ({ detail }) =>
    ensureStockImage(docker, config.imagesDir, 'debian', io.signal, detail),
  )
  await startPolis(home, config, runner, steps, io)
  signShellIn(home, config, io.env)
  const binDir = options.binDir ?? (home.root === DEFAULT_HOME ? '/usr/local/bin' : undefined)
  if (binDir !== undefined) linkCommand(home, binDir)
  const shell = new LocalShell(home, config, io.env)
  if (options.wantsWelcome) await welcome(shell, steps, io.signal)
  const signInLink = await shell.newSignInLink(io.signal)
  const { wantsWelcome: hasWelcome } = options
  const { env } = io
  const { httpPort } = config.edge
  io.out.write(farewell({ signInLink, apiPort: config.api.port, httpPort, hasWelcome, env }))
}

function engineDeps(home: Home, config: Config, runner: ServiceRunner, io: Io): EngineDeps {
  const { dockerSocketPath, containerdSocketPath } = config
  const { runDir, logsDir } = home
  return { runner, runDir, logsDir, dockerSocketPath, containerdSocketPath, env: io.env }
}

async function startEngine(
  home: Home,
  { config, isNew }: ChosenConfig,
  runner: ServiceRunner,
  steps: Steps,
  io: Io,
): Promise<void> {
  const deps = engineDeps(home, config, runner, io)
  const engines = await planEngine(deps)
  await steps.run(
    'Docker',
    async () => {
      if (runner.type === 'systemd') await startDistributionEngine(io.signal)
      else if (isNew && engines.length > 0) await runner.ensure(engines, io.signal)
      else if (engines.length > 0) {
        await runner.ensure([...engines, ...polisServices(home, io.env)], io.signal)
      }
      return untilEngineServes(deps, io.signal)
    },
    ({ version }) =>
      engines.length === 0
        ? `Docker ${version}, as it is on this host`
        : `Docker ${version}, kept running by Polis`,
  )
}

async function refuseBadHost(home: Home, config: Config, steps: Steps, io: Io): Promise<void> {
  const { dockerSocketPath } = config
  const findings = judgeHost(await inspectHost({ home, env: io.env, dockerSocketPath, ports: [] }))
  for (const { status, message, remedy } of findings) {
    if (status === 'warning') steps.note(`${message} (${remedy ?? ''})`)
  }
  const decisive = findings.filter(({ status, check }) => status === 'error' && DECISIVE.has(check))
  if (decisive.length === 0) return
  throw refusal(
    decisive.map(({ check, message, remedy }) => ({
      code: 'FailedPrecondition',
      path: check,
      message: `${check}: ${message}`,
      ...(remedy === undefined ? {} : { hint: remedy }),
    })),
  )
}

async function startPolis(
  home: Home,
  config: Config,
  runner: ServiceRunner,
  steps: Steps,
  io: Io,
): Promise<void> {
  const url = `${apiUrl(config)}/readyz`
  await steps.run('Polis server and agent', async () => {
    const engines = await planEngine(engineDeps(home, config, runner, io))
    await runner.ensure([...engines, ...polisServices(home, io.env)], io.signal)
    const isReady = async (): Promise<boolean> => {
      const asked = await fetch(url, { signal: AbortSignal.timeout(2000) })
      await asked.body?.cancel()
      return asked.ok
    }
    try {
      const what = 'Polis is ready'
      await until(isReady, { deadlineMs: READY_MS, everyMs: 50, signal: io.signal, what })
    } catch (cause) {
      io.signal.throwIfAborted()
      throw new PolisError('Unavailable', 'the server does not become ready', {
        cause,
        hint: `look into ${join(home.logsDir, 'server.log')}`,
      })
    }
  })
}

const Named = z.array(
  z.looseObject({ name: z.string().optional(), metadata: z.looseObject({}).optional() }),
)
const nameOf = ({ name, metadata }: z.infer<typeof Named>[number]): unknown =>
  name ?? metadata?.['name']

async function welcome(shell: LocalShell, steps: Steps, signal: AbortSignal): Promise<void> {
  const has = async (kind: string, name: string): Promise<boolean> => {
    const found = await shell.run([kind, 'ls'], Named, () => undefined, signal)
    return found.some((each) => nameOf(each) === name)
  }
  if (!(await has('device', 'main'))) {
    await steps.run('Database device main (PostgreSQL)', ({ detail }) =>
      shell.run(['device', 'add', 'postgresql', '--name', 'main'], z.unknown(), detail, signal),
    )
  }
  if (!(await has('app', 'welcome'))) {
    const folder = join(EXAMPLES_DIR, 'welcome')
    await steps.run('Application welcome', ({ detail }) =>
      shell.run(['deploy', folder, '--name', 'welcome'], z.unknown(), detail, signal),
    )
  }
}
