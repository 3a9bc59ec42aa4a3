// Installs the distribution's packages that Polis stands on and that are missing, and notes them for `polis uninstall`.
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { isInstalled, run } from './programs.mjs'

const POLICY = '/usr/sbin/policy-rc.d'
const POLICY_MARK = '# made by Polis while it installs packages'
/** Their daemons are Polis' to run, or Docker's own to enable. */
const ENABLED_BY_POLIS = ['docker', 'containerd']

/** [{ package, why }] in the order of the list, each once. */
export function missingPackages(listFile) {
  const wanted = JSON.parse(readFileSync(listFile, 'utf8'))
  const isThere = ({ program, file }) =>
    program === undefined ? existsSync(file) : isInstalled(program)
  const missing = wanted.filter((entry) => !isThere(entry))
  return [...new Map(missing.map((entry) => [entry.package, entry])).values()]
}

/**
 * Debian starts a daemon as soon as it is installed, unless this file says no. It says so only as long as this
 * script runs, even if that is killed.
 */
function forbidServiceStarts() {
  if (existsSync(POLICY) && !readFileSync(POLICY, 'utf8').includes(POLICY_MARK)) {
    return () => undefined
  }
  const lines = ['#!/bin/sh', POLICY_MARK, `[ -d /proc/${process.pid} ] && exit 101`, 'exit 0', '']
  writeFileSync(POLICY, lines.join('\n'), { mode: 0o755 })
  return () => rmSync(POLICY, { force: true })
}

async function installedPackages() {
  const format = '${Package} ${db:Status-Status}\n'
  const lines = await run('dpkg-query', ['--show', `--showformat=${format}`])
  return new Set(
    lines.filter((line) => line.endsWith(' installed')).map((line) => line.split(' ')[0]),
  )
}

/** The services that a package brought are not to run beside Polis' own. */
async function disableServices(packages) {
  const names = packages.filter((name) => existsSync(`/etc/init.d/${name}`))
  for (const name of names.filter((each) => !ENABLED_BY_POLIS.includes(each))) {
    if (existsSync('/run/systemd/system')) await run('systemctl', ['disable', '--now', name])
    else if (isInstalled('update-rc.d')) await run('update-rc.d', [name, 'disable'])
  }
}

function noteInstalled(home, packages) {
  mkdirSync(home, { recursive: true, mode: 0o700 })
  const path = join(home, 'install.json')
  const before = existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : { version: 1 }
  const all = [...new Set([...(before.packages ?? []), ...packages])].sort((a, b) =>
    a.localeCompare(b),
  )
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(`${path}.part`, `${JSON.stringify({ ...before, packages: all }, undefined, 2)}\n`, {
    mode: 0o600,
  })
  renameSync(`${path}.part`, path)
}

export async function installPackages(packages, home, onLine) {
  const before = await installedPackages()
  const allowServiceStarts = forbidServiceStarts()
  const env = { DEBIAN_FRONTEND: 'noninteractive', NEEDRESTART_MODE: 'l' }
  const wait = ['-o', 'DPkg::Lock::Timeout=300']
  try {
    await run('apt-get', [...wait, 'update', '-q'], { env, onLine })
    const args = ['install', '-q', '-y', '--no-install-recommends', '--no-remove']
    await run('apt-get', [...wait, ...args, ...packages], { env, onLine })
  } finally {
    allowServiceStarts()
    const added = [...(await installedPackages())].filter((name) => !before.has(name))
    if (added.length > 0) {
      noteInstalled(home, added)
      await disableServices(added)
    }
  }
}
