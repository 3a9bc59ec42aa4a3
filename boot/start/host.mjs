import { readFileSync } from 'node:fs'
import { Refusal } from './refusal.mjs'

/** What this script was written for; elsewhere packages have other names. */
const KNOWN = { debian: ['12', '13'], ubuntu: ['22.04', '24.04'] }
const KNOWN_TEXT = 'Debian 12 or 13, Ubuntu 22.04 or 24.04'

function readOsRelease() {
  try {
    const lines = readFileSync('/etc/os-release', 'utf8').split('\n')
    const pairs = lines.map((line) => /^(\w+)="?([^"]*)"?$/.exec(line)).filter(Boolean)
    return Object.fromEntries(pairs.map(([, key, value]) => [key, value]))
  } catch {
    return {}
  }
}

/** Refuses where this script cannot help; returns what the host is, in words. */
export function checkHost() {
  const [major = 0] = process.versions.node.split('.').map(Number)
  if (process.platform !== 'linux') throw new Refusal(`Polis runs on Linux: ${KNOWN_TEXT}`)
  if (!['x64', 'arm64'].includes(process.arch)) {
    throw new Refusal(`Polis runs on x86-64 and arm64 processors, not on ${process.arch}`)
  }
  if (major < 20) {
    throw new Refusal(`Node ${process.version} is too old`, 'install Node 20 or newer')
  }
  const os = readOsRelease()
  const name = os.PRETTY_NAME ?? 'this system'
  if (!(KNOWN[os.ID] ?? []).includes(os.VERSION_ID)) {
    throw new Refusal(`${name} is not known to Polis`, `it needs ${KNOWN_TEXT}`)
  }
  if (process.getuid() !== 0) {
    throw new Refusal(
      'Polis is installed by root: it starts containers and changes packet filters',
      'run it again as root: sudo npm start',
    )
  }
  return name.replace(/ \(.*\)$/, '')
}
