// IPv4 subnets as numbers: which overlap, and which is free.

export interface Subnet {
  readonly first: number
  readonly last: number
}

/** Parses `10.1.0.0/16`; undefined for what is none, or whose address has bits behind the prefix. */
export function parseSubnet(text: string): Subnet | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/.exec(text)
  if (match === null) return undefined
  const [a = 0, b = 0, c = 0, d = 0, bits = 0] = match.slice(1).map(Number)
  if ([a, b, c, d].some((byte) => byte > 255) || bits < 1 || bits > 32) return undefined
  const first = ((a * 256 + b) * 256 + c) * 256 + d
  const size = 2 ** (32 - bits)
  return first % size === 0 ? { first, last: first + size - 1 } : undefined
}

export function overlaps(one: Subnet, other: Subnet): boolean {
  return one.first <= other.last && other.first <= one.last
}

const toAddress = (number: number): string =>
  [24, 16, 8, 0].map((shift) => (number >>> shift) & 255).join('.')

/** First usable address of a subnet: its gateway by custom. */
export function gatewayOf(subnet: Subnet): string {
  return toAddress(subnet.first + 1)
}

const NETWORK_BITS = 24
const NETWORK_SIZE = 2 ** (32 - NETWORK_BITS)

/**
 * A /24 of the pool that overlaps none of `taken`; undefined when there is none. The search begins where `seed` says,
 * so that two who choose at the same moment seldom choose the same.
 */
export function chooseSubnet(
  pool: Subnet,
  taken: readonly Subnet[],
  seed: number,
): string | undefined {
  const count = Math.floor((pool.last - pool.first + 1) / NETWORK_SIZE)
  for (let step = 0; step < count; step += 1) {
    const first = pool.first + ((seed + step) % count) * NETWORK_SIZE
    const candidate = { first, last: first + NETWORK_SIZE - 1 }
    if (!taken.some((subnet) => overlaps(subnet, candidate))) {
      return `${toAddress(first)}/${NETWORK_BITS}`
    }
  }
  return undefined
}
