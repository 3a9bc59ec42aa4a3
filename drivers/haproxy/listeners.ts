// Which listeners an edge wants, and who stands in their way.
import type { EdgeTable, PortOwner } from '@polis/hal/ingress'
import { isSameListener } from '@polis/hal/ingress/table'
import type { Problem } from '@polis/lib/error'
import type { HaproxyParameters } from './config.ts'
import { findForeignOwners } from './port-owners.ts'

export interface Bind {
  readonly address: string
  readonly port: number
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

/** AlreadyExists for every listener of the table, and of the edge itself, that someone else has. */
export async function findTakenPorts(
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
  return [...toProblems(own, ofOwn), ...toProblems([...ports, ...gateway], ofTable)]
}

function httpBinds({ httpAddress: address, httpPort, httpsPort }: HaproxyParameters) {
  const [http, https] = ['the edge itself, for HTTP', 'the edge itself, for HTTPS']
  return [
    { address, port: httpPort, path: 'parameters.httpPort', owner: http },
    { address, port: httpsPort, path: 'parameters.httpsPort', owner: https },
  ]
}

function toProblems(
  binds: readonly (Bind & { readonly path: string })[],
  taken: readonly PortOwner[],
): readonly Problem[] {
  return binds.flatMap(({ address, port, path }): readonly Problem[] => {
    const found = taken.find((one) => one.address === address && one.port === port)
    if (found === undefined) return []
    const message = `${address}:${port} is held by ${found.owner}`
    return [{ code: 'AlreadyExists', path, message }]
  })
}
