import { parseArgs } from 'node:util'
import { readConfig } from '../config.ts'
import { homeOf } from '../home.ts'
import { chooseRunner } from '../services/choose-runner.ts'
import { newSteps } from '../start/steps.mjs'
import type { Io } from '../terminal/io.ts'
import { planEngine } from '../up/engine.ts'
import { parse } from '../up/options.ts'

const HELP = `Usage: polis down

Stops the server, the agent and the supervisor. Workloads, the edge and the engines keep running.

Example:
  polis down
`

export async function down(args: readonly string[], io: Io): Promise<number> {
  if (args.includes('--help') || args.includes('-h')) {
    io.out.write(HELP)
    return 0
  }
  parse(() => parseArgs({ args: [...args], options: {}, strict: true }))
  const home = homeOf(io.env)
  const { installationUid, dockerSocketPath, containerdSocketPath } = readConfig(home)
  const runner = chooseRunner(home, installationUid, io.env)
  const { runDir, logsDir } = home
  const paths = { runDir, logsDir, dockerSocketPath, containerdSocketPath }
  const steps = newSteps(io.out)
  await steps.run('Polis stopped; workloads keep running', async () => {
    await runner.ensure(await planEngine({ runner, env: io.env, ...paths }), io.signal)
    await runner.leave(io.signal)
  })
  return 0
}
