// Where an installation keeps what, below its POLIS_HOME.
import { chmodSync, mkdirSync } from 'node:fs'
import { isAbsolute, join } from 'node:path'
import { PolisError } from '@polis/lib/error'

export const DEFAULT_HOME = '/var/lib/polis'

/** What devices keep only until the next reboot: a folder for each installation on the host. */
export const VOLATILE_DIR = '/run/polis'

/** Every folder is 0700: only root reads what Polis keeps. */
export interface Home {
  readonly root: string
  readonly configFile: string
  /** What installing changed on this host, for `polis uninstall`. */
  readonly installFile: string
  /** The server's: store, journal, blobs, certificate authority. */
  readonly serverDir: string
  /** The agent's: its identity, and a folder for each device it hosts. */
  readonly agentDir: string
  /** What is true only as long as processes run. */
  readonly runDir: string
  readonly logsDir: string
  /** Written by the server, 0600: a one-time sign-in token of the root user, for the shell of this host. */
  readonly signInTokenFile: string
  /** Written by the server, 0600: a join token for the agent of this host; taken away once that has enrolled. */
  readonly joinTokenFile: string
}

export function homeAt(root: string): Home {
  if (!isAbsolute(root)) {
    throw new PolisError('InvalidArgument', `POLIS_HOME must be an absolute path, not ${root}`)
  }
  const runDir = join(root, 'run')
  return {
    root,
    configFile: join(root, 'config.json'),
    installFile: join(root, 'install.json'),
    serverDir: join(root, 'server'),
    agentDir: join(root, 'agent'),
    runDir,
    logsDir: join(root, 'logs'),
    signInTokenFile: join(runDir, 'sign-in-token'),
    joinTokenFile: join(runDir, 'join-token'),
  }
}

export function homeOf(env: Readonly<Record<string, string | undefined>>): Home {
  return homeAt(env['POLIS_HOME'] ?? DEFAULT_HOME)
}

/** Safe to repeat. */
export function makeHome(home: Home): void {
  for (const folder of [home.root, home.serverDir, home.agentDir, home.runDir, home.logsDir]) {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    chmodSync(folder, 0o700)
  }
}
