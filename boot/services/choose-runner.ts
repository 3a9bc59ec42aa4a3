import { existsSync } from 'node:fs'
import { DEFAULT_HOME, type Home } from '../home.ts'
import { programPath } from '../places.ts'
import { serviceEnv } from './service-list.ts'
import type { ServiceRunner } from './service.ts'
import { SupervisedServices } from './supervised-services.ts'
import { SystemdServices } from './systemd-services.ts'

/** As sd_booted(3) tells. */
const hasSystemd = (): boolean => existsSync('/run/systemd/system')

/** systemd where it runs, and Polis' own supervisor elsewhere. */
export function chooseRunner(
  home: Home,
  installationUid: string,
  env: Readonly<Record<string, string | undefined>>,
): ServiceRunner {
  if (!hasSystemd()) {
    const command = [process.execPath, programPath('supervise')] as const
    return new SupervisedServices({ home, command, env: serviceEnv(env) })
  }
  const isDefault = home.root === DEFAULT_HOME
  const prefix = isDefault ? 'polis' : `polis-${installationUid.slice(0, 8)}`
  return new SystemdServices({ prefix, homeDir: home.root })
}
