// A server's network: a namespace, a bridge to which its cable goes, and this machine as its router.
import { randomInt } from 'node:crypto'
import { existsSync, writeFileSync } from 'node:fs'
import { PolisError } from '@polis/lib/error'
import { run } from '@polis/lib/run'

// The range set apart for testing network devices (RFC 2544): no real network and no default pool of Docker is in it.
const RANGE = '198.18.0.0/15'
const SUBNETS = 512

export interface ServerNetwork {
  readonly index: number
  readonly bridge: string
  /** The machine's end of the cable. */
  readonly port: string
  readonly subnet: string
  /** The bridge's own: where the server sees this machine come from. */
  readonly hostAddress: string
  readonly address: string
}

export function networkOf(index: number): ServerNetwork {
  const prefix = `198.${18 + (index >> 8)}.${index & 255}`
  return {
    index,
    bridge: `polis${index}`,
    port: `polis${index}-0`,
    subnet: `${prefix}.0/24`,
    hostAddress: `${prefix}.1`,
    address: `${prefix}.2`,
  }
}

interface OutwardRoute {
  readonly device: string
  readonly mtu: number
}

async function findOutwardRoute(signal: AbortSignal): Promise<OutwardRoute | undefined> {
  const { stdout } = await run('ip', ['-4', 'route', 'show', 'default'], { signal })
  const device = /\bdev (?<device>\S+)/.exec(stdout)?.groups?.['device']
  if (device === undefined) return undefined
  const link = await run('ip', ['link', 'show', 'dev', device], { signal })
  return { device, mtu: Number(/\bmtu (?<mtu>\d+)/.exec(link.stdout)?.groups?.['mtu'] ?? 1500) }
}

async function tryRun(
  program: string,
  args: readonly string[],
  signal: AbortSignal,
): Promise<boolean> {
  try {
    await run(program, args, { signal })
    return true
  } catch {
    signal.throwIfAborted()
    return false
  }
}

/** Weaker than the bridge's own route: it counts while the server is off, lest its traffic goes out to strangers. */
const refusalRoute = ({ subnet }: ServerNetwork): readonly string[] => [
  'unreachable',
  subnet,
  'metric',
  '50000',
]

/** Takes a free subnet. The route is the claim: the kernel lets it be added only once. */
export async function claimNetwork(signal: AbortSignal): Promise<ServerNetwork> {
  for (let attempt = 0; attempt < SUBNETS; attempt += 1) {
    const network = networkOf(randomInt(SUBNETS))
    if (await tryRun('ip', ['route', 'add', ...refusalRoute(network)], signal)) return network
  }
  throw new PolisError('ResourceExhausted', 'no free subnet for a rig server')
}

/** Gives the subnet back; safe to repeat. */
export async function releaseNetwork(network: ServerNetwork, signal: AbortSignal): Promise<void> {
  await tryRun('ip', ['route', 'delete', ...refusalRoute(network)], signal)
}

interface Rule {
  readonly table: string
  readonly chain: string
  readonly match: readonly string[]
}

/** The machine's rules for one server: let it through whatever the FORWARD policy is, and masquerade it to the outside. */
function rulesOf({ bridge, subnet }: ServerNetwork): readonly Rule[] {
  const outward = ['-s', subnet, '!', '-d', RANGE, '-j', 'MASQUERADE']
  return [
    { table: 'filter', chain: 'FORWARD', match: ['-i', bridge, '-j', 'ACCEPT'] },
    { table: 'filter', chain: 'FORWARD', match: ['-o', bridge, '-j', 'ACCEPT'] },
    { table: 'nat', chain: 'POSTROUTING', match: outward },
  ]
}

function toRuleArgs(verb: '-I' | '-D', { table, chain, match }: Rule): readonly string[] {
  return ['-w', '20', '-t', table, verb, chain, ...match]
}

function allowForwarding(device: string): void {
  writeFileSync(`/proc/sys/net/ipv4/conf/${device}/forwarding`, '1')
}

/** Makes the namespace `serverName`, its bridge, cable and routes, and the machine's rules for them. */
export async function connectServer(
  serverName: string,
  network: ServerNetwork,
  signal: AbortSignal,
): Promise<void> {
  const { bridge, port, hostAddress, address } = network
  const ip = (...args: readonly string[]): Promise<unknown> => run('ip', args, { signal })
  const ipInside = (...args: readonly string[]): Promise<unknown> => ip('-n', serverName, ...args)
  await ip('netns', 'add', serverName)
  await ip('link', 'add', bridge, 'type', 'bridge')
  await ip('link', 'add', port, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', serverName)
  await ip('link', 'set', port, 'master', bridge, 'up')
  await ip('address', 'add', `${hostAddress}/24`, 'dev', bridge)
  await ip('link', 'set', bridge, 'up')
  await ipInside('link', 'set', 'lo', 'up')
  await ipInside('address', 'add', `${address}/24`, 'dev', 'eth0')
  await ipInside('link', 'set', 'eth0', 'up')
  await ipInside('route', 'add', RANGE, 'via', hostAddress)
  const outward = await findOutwardRoute(signal)
  // The way out may be narrower than the cable, and what tells a sender so is often dropped on the way back.
  const mtu = outward?.mtu ?? 1500
  const limits = ['mtu', String(mtu), 'advmss', String(mtu - 40)]
  await ipInside('route', 'add', 'default', 'via', hostAddress, ...limits)
  allowForwarding(bridge)
  // Stays on afterwards, as dockerd leaves it: another server may be using it.
  if (outward !== undefined) allowForwarding(outward.device)
  for (const rule of rulesOf(network)) await run('iptables', toRuleArgs('-I', rule), { signal })
}

/** Takes away what `connectServer` made; safe to repeat and after it stopped half-way. */
export async function disconnectServer(
  serverName: string,
  network: ServerNetwork | undefined,
  signal: AbortSignal,
): Promise<void> {
  if (network !== undefined) {
    for (const rule of rulesOf(network)) {
      while (await tryRun('iptables', toRuleArgs('-D', rule), signal)) continue
    }
    await tryRun('ip', ['link', 'delete', network.port], signal)
    await tryRun('ip', ['link', 'delete', network.bridge], signal)
  }
  // Two test runs may be sweeping the same server.
  const isGone = await tryRun('ip', ['netns', 'delete', serverName], signal)
  if (!isGone && existsSync(`/run/netns/${serverName}`)) {
    throw new PolisError('Internal', `network namespace ${serverName} cannot be deleted`)
  }
}

/** One line for each namespace, link, route and rule of the server that is still there. */
export async function listNetworkLeftovers(
  serverName: string,
  network: ServerNetwork | undefined,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const found: string[] = []
  if (existsSync(`/run/netns/${serverName}`)) found.push(`network namespace ${serverName}`)
  if (network === undefined) return found
  const links = [network.bridge, network.port].filter((link) =>
    existsSync(`/sys/class/net/${link}`),
  )
  found.push(...links.map((link) => `link ${link}`))
  const { stdout: routes } = await run('ip', ['route', 'show', 'exact', network.subnet], { signal })
  if (routes.trim() !== '') found.push(`route ${routes.trim()}`)
  for (const table of ['filter', 'nat']) {
    const { stdout } = await run('iptables', ['-w', '20', '-t', table, '-S'], { signal })
    const rules = stdout.split('\n').filter((line) => {
      const words = line.split(' ')
      return words.includes(network.bridge) || words.includes(network.subnet)
    })
    found.push(...rules.map((rule) => `iptables rule ${rule}`))
  }
  return found
}

/** Pulls the server's cable out, or plugs it in again. Addresses and routes on both sides stay. */
export async function setCable(
  network: ServerNetwork,
  isPlugged: boolean,
  signal: AbortSignal,
): Promise<void> {
  await run('ip', ['link', 'set', network.port, isPlugged ? 'up' : 'down'], { signal })
}
