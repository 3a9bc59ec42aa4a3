import { PolisError } from '@polis/lib/error'
import type { ObjectReader } from '../objects/object-cache.ts'

const GATEWAY_PORTS = { first: 20_000, last: 29_999 }
const GIVEN_OUT_PORTS = { first: 30_000, last: 39_999 }

/** The lowest gateway port that no database has, beside those already promised. Throws ResourceExhausted. */
export function unusedGatewayPort(reader: ObjectReader, promised: ReadonlySet<number>): number {
  const taken = new Set(reader.list('Database').map((database) => database.spec.gatewayPort))
  return lowestFree(GATEWAY_PORTS, (port) => taken.has(port) || promised.has(port), 'gateway')
}

/** The lowest published port that no attachment has, beside those already promised. Throws ResourceExhausted. */
export function unusedPublishedPort(reader: ObjectReader, promised: ReadonlySet<number>): number {
  const taken = new Set(
    reader
      .list('Attachment')
      .flatMap(({ spec }) => (spec.target.type === 'port' ? [spec.target.port] : [])),
  )
  return lowestFree(GIVEN_OUT_PORTS, (port) => taken.has(port) || promised.has(port), 'published')
}

function lowestFree(
  range: { readonly first: number; readonly last: number },
  isTaken: (port: number) => boolean,
  what: string,
): number {
  for (let port = range.first; port <= range.last; port += 1) {
    if (!isTaken(port)) return port
  }
  throw new PolisError('ResourceExhausted', `all ${what} ports are taken`)
}
