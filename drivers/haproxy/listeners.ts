// Which listeners an edge wants, and who stands in their way.
import { networkInterfaces } from 'node:os'
import type { EdgeTable, PortOwner } from '@polis/hal/ingress'
import { isSameListener, isWildcardAddress } from '@polis/hal/ingress/table'
import type { Problem } from '@polis/lib/error'
import type { HaproxyParameters } from './config.ts'
import { findForeignOwners } from './port-owners.ts'

export interface Bind {
  readonly address: string
  readonly port: number
}

interface PathBind extends Bind {
  readonly path: string
}

/** Foreign listeners in the way of `wanted`, and the edge's own of HTTP and HTTPS. `ownArgument` names the edge's processes. */
export async function findOwners(
  wanted: readonly Bind[],
  parameters: HaproxyParameters,
  ownArgument: string,
): Promise<readonly PortOwner[]> {
  const own = wanted.flatMap((one) =>
    httpBinds(parameters)
      .filter((bind) => isSameListener(bind, one))
      .map(({ owner }) => ({ address: one.address, port: one.port, owner })),
  )
  return [...own, ...(await findForeignOwners(wanted, ownArgument))]
}

/**
 * Why listeners of the table, or of the edge itself, cannot be had: AlreadyExists when someone else has them,
 * FailedPrecondition for addresses that this node does not have. HAProxy would find out only while it takes over, and
 * stop listening meanwhile.
 */
export async function findBindProblems(
  table: EdgeTable,
  parameters: HaproxyParameters,
  ownArgument: string,
): Promise<readonly Problem[]> {
  const { gatewayAddress: address = '' } = parameters
  const ports = table.ports.map((route, index) => ({ ...route, path: `ports[${index}].port` }))
  const gateway = table.gateway.map(({ port }, index) => ({
    address,
    port,
    path: `gateway[${index}].port`,
  }))
  const own = httpBinds(parameters)
  const [ofOwn, ofTable] = await Promise.all([
    findForeignOwners(own, ownArgument),
    findOwners([...ports, ...gateway], parameters, ownArgument),
  ])
  const all = [...own, ...ports, ...gateway]
  return [
    ...findForeignAddresses(all),
    ...toProblems(own, ofOwn),
    ...toProblems([...ports, ...gateway], ofTable),
  ]
}

function findForeignAddresses(binds: readonly PathBind[]): readonly Problem[] {
  const node = Object.values(networkInterfaces()).flatMap((addresses) =>
    (addresses ?? []).map(({ address }) => address),
  )
  const isOwn = (address: string): boolean =>
    isWildcardAddress(address) || address.startsWith('127.') || node.includes(address)
  return binds
    .filter(({ address }) => !isOwn(address))
    .map(({ address, path }) => ({
      code: 'FailedPrecondition',
      path,
      message: `this node has no address ${address}`,
    }))
}

function httpBinds({
  httpAddress: address,
  httpPort,
  httpsPort,
}: HaproxyParameters): readonly (PathBind & { readonly owner: string })[] {
  const owner = 'the edge itself, for HTTP'
  return [
    { address, port: httpPort, path: 'parameters.httpPort', owner },
    { address, port: httpsPort, path: 'parameters.httpsPort', owner: `${owner}S` },
  ]
}

function toProblems(binds: readonly PathBind[], taken: readonly PortOwner[]): readonly Problem[] {
  return binds.flatMap(({ address, port, path }): readonly Problem[] => {
    const found = taken.find((one) => one.address === address && one.port === port)
    if (found === undefined) return []
    const message = `${address}:${port} is held by ${found.owner}`
    return [{ code: 'AlreadyExists', path, message }]
  })
}
