// What the tests stand on, as Debian packages. A suite whose engine is missing fails with the name of
// the package; `install-engines.ts` installs what is missing.
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { PolisError } from '@polis/lib/error'

/** A program the tests run, and the Debian package that brings it. */
const PACKAGE_OF = {
  chromium: 'chromium',
  containerd: 'containerd',
  curl: 'curl',
  docker: 'docker.io',
  dockerd: 'docker.io',
  haproxy: 'haproxy',
  ip: 'iproute2',
  iptables: 'iptables',
  mmdebstrap: 'mmdebstrap',
  nft: 'nftables',
  nsenter: 'util-linux',
  openssl: 'openssl',
  psql: 'postgresql-client',
  runc: 'runc',
  unshare: 'util-linux',
} as const

export type EngineProgram = keyof typeof PACKAGE_OF

export const ENGINE_PROGRAMS = Object.keys(PACKAGE_OF).filter(
  (name): name is EngineProgram => name in PACKAGE_OF,
)

// Debian keeps daemons in sbin, which the PATH of an ordinary shell leaves out.
const SYSTEM_FOLDERS = ['/usr/local/sbin', '/usr/sbin', '/sbin']

function isInstalled(program: string): boolean {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), ...SYSTEM_FOLDERS]
  return folders.some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

/** Debian packages that bring those of `programs` that are not installed. */
export function missingPackages(programs: readonly EngineProgram[]): readonly string[] {
  const missing = programs.filter((program) => !isInstalled(program))
  return [...new Set(missing.map((program) => PACKAGE_OF[program]))]
}

/** Throws Unavailable, naming the Debian packages, unless all of `programs` are installed. */
export function requireEngines(programs: readonly EngineProgram[]): void {
  const packages = missingPackages(programs)
  if (packages.length === 0) return
  throw new PolisError(
    'Unavailable',
    `these tests need the Debian packages ${packages.join(', ')}`,
    {
      hint: `apt-get install --no-install-recommends ${packages.join(' ')}`,
    },
  )
}
