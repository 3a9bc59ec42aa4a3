// Decisions about a table alone, shared by every driver of the class and its fake.
import { isIP } from 'node:net'
import type { Problem } from '@polis/lib/error'
import { isHostName } from '@polis/lib/names'
import type { EdgeTable, Endpoint, HttpRoute } from './class.ts'

interface Bind {
  readonly path: string
  readonly address: string
  readonly port: number
}

/** A host name as routes hold it: lower case, without port and without the root's dot. */
function toRouteHost(hostHeader: string): string {
  return hostHeader.toLowerCase().replace(/:\d*$/, '').replace(/\.$/, '')
}

/** The route that answers for a host: the exact name first, then the longest wildcard. */
export function findHttpRoute(
  routes: readonly HttpRoute[],
  hostHeader: string,
): HttpRoute | undefined {
  const host = toRouteHost(hostHeader)
  const exact = routes.find((route) => route.host === host)
  if (exact !== undefined) return exact
  return routes
    .filter((route) => route.host.startsWith('*.') && host.endsWith(route.host.slice(1)))
    .toSorted((a, b) => b.host.length - a.host.length)[0]
}

/** True for an address that stands for every address of its family. */
export function isWildcardAddress(address: string): boolean {
  return address === '0.0.0.0' || address === '::'
}

/** True when one listener shuts out the other: same port, and the same address or every address. */
export function isSameListener(
  a: { readonly address: string; readonly port: number },
  b: { readonly address: string; readonly port: number },
): boolean {
  if (a.port !== b.port) return false
  return a.address === b.address || isWildcardAddress(a.address) || isWildcardAddress(b.address)
}

/**
 * All that is wrong with a table in itself: InvalidArgument for names and addresses that are none, what is listed twice,
 * certificates that routes name and the table lacks; FailedPrecondition for gateway routes of an edge without a
 * gateway address. Empty when the table can be tried.
 */
export function findTableProblems(
  table: EdgeTable,
  gatewayAddress: string | undefined,
): readonly Problem[] {
  return [
    ...findNameProblems(table),
    ...findDuplicates(table),
    ...findAddressProblems(table),
    ...findBindProblems(table),
    ...findGatewayProblems(table, gatewayAddress),
  ]
}

function invalid(path: string, message: string): Problem {
  return { code: 'InvalidArgument', path, message }
}

function findNameProblems(table: EdgeTable): readonly Problem[] {
  const certificates = new Set(table.certificates.map(({ name }) => name))
  return table.http.flatMap((route, index) => {
    const problems: Problem[] = []
    if (!isHostName(route.host)) {
      problems.push(invalid(`http[${index}].host`, `'${route.host}' is not a host name`))
    }
    if (route.certificate !== undefined && !certificates.has(route.certificate)) {
      const message = `there is no certificate '${route.certificate}'`
      problems.push(invalid(`http[${index}].certificate`, message))
    }
    return problems
  })
}

function findDuplicates(table: EdgeTable): readonly Problem[] {
  const named = [
    ...table.http.map(({ host }, index) => [`http[${index}].host`, `the host ${host}`] as const),
    ...table.gateway.map(
      ({ port }, index) => [`gateway[${index}].port`, `the gateway port ${port}`] as const,
    ),
    ...table.certificates.map(
      ({ name }, index) => [`certificates[${index}].name`, `the certificate ${name}`] as const,
    ),
  ]
  const seen = new Set<string>()
  return named.flatMap(([path, words]) => {
    if (seen.has(words)) return [invalid(path, `${words} is listed twice`)]
    seen.add(words)
    return []
  })
}

function findAddressProblems(table: EdgeTable): readonly Problem[] {
  const ofEndpoints = (path: string, endpoints: readonly Endpoint[]) =>
    endpoints.map(({ address }, index) => [`${path}.endpoints[${index}].address`, address] as const)
  const addresses = [
    ...table.http.flatMap(({ endpoints }, index) => ofEndpoints(`http[${index}]`, endpoints)),
    ...table.ports.flatMap(({ address, endpoints }, index) => [
      [`ports[${index}].address`, address] as const,
      ...ofEndpoints(`ports[${index}]`, endpoints),
    ]),
    ...table.gateway.flatMap(({ upstreams, admitted }, index) => [
      ...upstreams.map(
        ({ address }, at) => [`gateway[${index}].upstreams[${at}].address`, address] as const,
      ),
      ...admitted.map((address, at) => [`gateway[${index}].admitted[${at}]`, address] as const),
    ]),
  ]
  return addresses.flatMap(([path, address]) =>
    isIP(address) === 0 ? [invalid(path, `'${address}' is not an IP address`)] : [],
  )
}

function findBindProblems(table: EdgeTable): readonly Problem[] {
  const binds: readonly Bind[] = table.ports.map(({ address, port }, index) => ({
    path: `ports[${index}].port`,
    address,
    port,
  }))
  return binds.flatMap((bind, index) => {
    const other = binds.slice(0, index).find((earlier) => isSameListener(earlier, bind))
    if (other === undefined) return []
    const words = `${bind.address}:${bind.port} is taken by ${other.path} of the same table`
    return [invalid(bind.path, words)]
  })
}

// A gateway port may equal one published on every address: the gateway's is the nearer match, so nobody's choice of a
// port can stop a whole table.
function findGatewayProblems(
  table: EdgeTable,
  gatewayAddress: string | undefined,
): readonly Problem[] {
  return table.gateway.flatMap(({ port }, index) => {
    const path = `gateway[${index}]`
    if (gatewayAddress === undefined) {
      const message = 'this edge has no gateway address'
      return [{ code: 'FailedPrecondition' as const, path, message }]
    }
    const isTaken = table.ports.some(
      (route) => route.port === port && route.address === gatewayAddress,
    )
    const words = `${gatewayAddress}:${port} is published by a port route of the same table`
    return isTaken ? [invalid(`${path}.port`, words)] : []
  })
}
