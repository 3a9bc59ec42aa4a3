// Installs the Debian packages that the tests need and this machine lacks: `node test/rig/install-engines.ts`.
// Says nothing and takes milliseconds when all are there.
import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { run } from '@polis/lib/run'
import { ENGINE_PROGRAMS, missingPackages } from './engines.ts'

const POLICY = '/usr/sbin/policy-rc.d'
const APT_ENV = { DEBIAN_FRONTEND: 'noninteractive' }

async function install(packages: readonly string[]): Promise<void> {
  process.stderr.write(`installing ${packages.join(', ')}\n`)
  const signal = AbortSignal.timeout(600_000)
  // Debian starts a daemon as soon as it is installed; the tests start their own in namespaces.
  const hasOwnPolicy = existsSync(POLICY)
  if (!hasOwnPolicy) writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  try {
    await run('apt-get', ['update', '-q'], { signal, env: APT_ENV })
    const args = ['install', '-q', '-y', '--no-install-recommends', ...packages]
    await run('apt-get', args, { signal, env: APT_ENV })
  } finally {
    if (!hasOwnPolicy) rmSync(POLICY, { force: true })
  }
}

const packages = missingPackages(ENGINE_PROGRAMS)
if (packages.length > 0) await install(packages)
