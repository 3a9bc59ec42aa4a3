// Who listens on a TCP port of this node, from /proc.
import { readdir, readFile, readlink } from 'node:fs/promises'
import type { PortOwner } from '@polis/hal/ingress'
import { isSameListener } from '@polis/hal/ingress/table'

interface Listener {
  readonly address: string
  readonly port: number
  readonly inode: string
}

interface Program {
  readonly pid: number
  readonly name: string
  readonly args: readonly string[]
}

const LISTENING = '0A'

/**
 * The foreign listeners that stand in the way of `wanted`. A program with `ownArgument` on its command line is not
 * foreign. Looks only; opens no socket.
 */
export async function findForeignOwners(
  wanted: readonly { readonly address: string; readonly port: number }[],
  ownArgument: string,
): Promise<readonly PortOwner[]> {
  const listeners = await listListeners()
  const inTheWay = wanted.map(({ address, port }) => ({
    address,
    port,
    listeners: listeners.filter((listener) => isInTheWay(listener, { address, port })),
  }))
  const inodes = new Set(inTheWay.flatMap((one) => one.listeners.map(({ inode }) => inode)))
  if (inodes.size === 0) return []
  const programs = await findPrograms(inodes)
  return inTheWay.flatMap(({ address, port, listeners: found }) => {
    const foreign = found
      .map(({ inode }) => programs.get(inode))
      .filter((program) => program?.args.includes(ownArgument) !== true)
    if (foreign.length === 0) return []
    return [{ address, port, owner: toWords(foreign.find((program) => program !== undefined)) }]
  })
}

// A listener on [::] serves IPv4 too unless it says otherwise, which /proc does not tell.
function isInTheWay(
  listener: Listener,
  wanted: { readonly address: string; readonly port: number },
): boolean {
  if (listener.address === '::') return listener.port === wanted.port
  const isSameFamily = listener.address.includes(':') === wanted.address.includes(':')
  return isSameFamily && isSameListener(listener, wanted)
}

function toWords(program: Program | undefined): string {
  return program === undefined ? 'an unknown program' : `${program.name} (pid ${program.pid})`
}

async function listListeners(): Promise<readonly Listener[]> {
  const tables = await Promise.all(
    ['/proc/net/tcp', '/proc/net/tcp6'].map((path) => readFile(path, 'utf8').catch(() => '')),
  )
  return tables.flatMap((table) => table.split('\n').slice(1).flatMap(parseSocket))
}

function parseSocket(line: string): readonly Listener[] {
  const fields = line.trim().split(/\s+/)
  const [, local = '', , state] = fields
  const inode = fields[9]
  const [address, port] = local.split(':')
  if (state !== LISTENING || address === undefined || port === undefined || inode === undefined) {
    return []
  }
  return [{ address: parseAddress(address), port: Number.parseInt(port, 16), inode }]
}

// The kernel prints each 32-bit word in the machine's own byte order.
function parseAddress(hex: string): string {
  const bytes = Buffer.from(hex, 'hex')
  bytes.swap32()
  if (bytes.length === 4) return [...bytes].join('.')
  const isMapped = bytes.subarray(0, 12).toString('hex') === '00000000000000000000ffff'
  if (isMapped) return [...bytes.subarray(12)].join('.')
  const groups = bytes.toString('hex').match(/.{4}/g) ?? []
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1)
}

async function findPrograms(inodes: ReadonlySet<string>): Promise<ReadonlyMap<string, Program>> {
  const found = new Map<string, Program>()
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number)
  for (const pid of pids) {
    for (const inode of await socketsOf(pid)) {
      if (!inodes.has(inode) || found.has(inode)) continue
      const [name, args] = await Promise.all([
        readFile(`/proc/${pid}/comm`, 'utf8').catch(() => 'a program that just ended'),
        readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => ''),
      ])
      found.set(inode, { pid, name: name.trim(), args: args.split('\0') })
    }
  }
  return found
}

async function socketsOf(pid: number): Promise<readonly string[]> {
  const folder = `/proc/${pid}/fd`
  const names = await readdir(folder).catch(() => [])
  const targets = await Promise.all(
    names.map((name) => readlink(`${folder}/${name}`).catch(() => '')),
  )
  return targets.flatMap(
    (target) => /^socket:\[(?<inode>\d+)\]$/.exec(target)?.groups?.['inode'] ?? [],
  )
}
