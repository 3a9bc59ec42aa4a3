import type { EdgeTable, IngressPort } from '@polis/hal/ingress'
import { PolisError } from '@polis/lib/error'

/**
 * Applies the table; routes that the edge refuses by name (a port that a foreign program holds) are left out, so that
 * one of them does not hold up all others. Returns why, by the route's uid.
 */
export async function applyWhatCan(
  ingress: IngressPort,
  table: EdgeTable,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  try {
    await ingress.applyTable(table, signal)
    return new Map()
  } catch (thrown) {
    const refused =
      thrown instanceof PolisError ? refusedRoutes(thrown, table) : new Map<string, string>()
    if (refused.size === 0) throw thrown
    const isKept = ({ uid }: { readonly uid: string }): boolean => !refused.has(uid)
    const rest = {
      ...table,
      http: table.http.filter(isKept),
      ports: table.ports.filter(isKept),
      gateway: table.gateway.filter(isKept),
    }
    await ingress.applyTable(rest, signal)
    return refused
  }
}

function refusedRoutes(error: PolisError, table: EdgeTable): ReadonlyMap<string, string> {
  return new Map(
    error.problems.flatMap(({ path, message }) => {
      const found = /^(?<list>http|ports|gateway)\[(?<index>\d+)\]/.exec(path)?.groups
      const index = Number(found?.['index'])
      const routes =
        found?.['list'] === 'http'
          ? table.http
          : found?.['list'] === 'ports'
            ? table.ports
            : table.gateway
      const uid = found === undefined ? undefined : routes[index]?.uid
      return uid === undefined ? [] : [[uid, message] as const]
    }),
  )
}
