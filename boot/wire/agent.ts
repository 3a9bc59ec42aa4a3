import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Agent } from '@polis/agent/agent'
import { FileIdentityStore } from '@polis/agent/file-identity-store'
import { SystemFacts } from '@polis/agent/node-facts'
import { systemClock } from '@polis/lib/system-clock'
import { VOLATILE_DIR } from '../home.ts'
import type { ServiceOptions } from '../run-service.ts'
import { driversOf } from './drivers.ts'

/** `polis agent`: this node's drivers, served to the kernel until the signal aborts. */
export async function runAgent(options: ServiceOptions, signal: AbortSignal): Promise<void> {
  const { home, config, logger, version: agentVersion } = options
  const clock = systemClock
  const agent = new Agent({
    address: { host: config.agents.address, port: config.agents.port },
    joinToken: () => readJoinToken(home.joinTokenFile, signal),
    identityStore: new FileIdentityStore(join(home.agentDir, 'identity.json')),
    facts: new SystemFacts({ home: home.root, agentVersion, clock }),
    drivers: driversOf(config),
    agentVersion,
    dataDir: join(home.agentDir, 'devices'),
    runDir: join(VOLATILE_DIR, config.installationUid),
    clock,
    logger,
    random: Math.random,
  })
  await agent.run(signal)
}

/** The server of this host leaves it there when it starts for the first time, perhaps after the agent does. */
async function readJoinToken(file: string, signal: AbortSignal): Promise<string | undefined> {
  for (let tries = 0; tries < 600; tries += 1) {
    const text = await readFile(file, 'utf8').catch(() => undefined)
    if (text !== undefined && text.trim() !== '') return text.trim()
    await systemClock.sleep(100, signal)
  }
  return undefined
}
