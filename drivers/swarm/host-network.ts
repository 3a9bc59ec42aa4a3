// What the node itself has and routes, read with iproute2.
import { PolisError } from '@polis/lib/error'
import { z } from 'zod'
import { parseSubnet, type Subnet } from './subnets.ts'

/** Runs a program on the node to its end and gives its stdout. */
export type RunOnNode = (
  program: string,
  args: readonly string[],
  signal: AbortSignal,
) => Promise<string>

const Routes = z.array(
  z.object({ dst: z.string(), dev: z.string().optional(), prefsrc: z.string().optional() }),
)

// Any address that is nobody's own: only the choice of the source address matters (RFC 5737).
const ELSEWHERE = '198.51.100.1'

export interface HostRoute {
  readonly subnet: Subnet
  readonly text: string
  readonly device: string
}

/** Everything the node has a more special route to than the default one. */
export async function hostRoutes(
  runOnNode: RunOnNode,
  signal: AbortSignal,
): Promise<readonly HostRoute[]> {
  const args = ['-4', '-j', 'route', 'show', 'table', 'all']
  const routes = Routes.parse(JSON.parse((await runOnNode('ip', args, signal)) || '[]'))
  return routes.flatMap(({ dst, dev }) => {
    const subnet = parseSubnet(dst.includes('/') ? dst : `${dst}/32`)
    return subnet === undefined ? [] : [{ subnet, text: dst, device: dev ?? '' }]
  })
}

/** The address this node has towards others. Throws FailedPrecondition when it has no way to them. */
export async function ownAddress(runOnNode: RunOnNode, signal: AbortSignal): Promise<string> {
  try {
    const text = await runOnNode('ip', ['-4', '-j', 'route', 'get', ELSEWHERE], signal)
    const [route] = Routes.parse(JSON.parse(text))
    if (route?.prefsrc !== undefined) return route.prefsrc
  } catch (cause) {
    signal.throwIfAborted()
    throw noAddress(cause)
  }
  throw noAddress(undefined)
}

function noAddress(cause: unknown): PolisError {
  return new PolisError('FailedPrecondition', 'this node has no default route', {
    cause,
    path: 'advertiseAddress',
    hint: 'say which of its addresses other nodes shall use: --set advertiseAddress=ADDRESS',
  })
}
