import { type Problem, refusal } from '@polis/lib/error'
import { z } from 'zod'
import { parseSubnet } from './subnets.ts'

const Subnet = z.string().refine((text) => parseSubnet(text) !== undefined, {
  message: 'is not an IPv4 subnet such as 172.30.0.0/18',
})

/** What `polis device add swarm --set` takes. Subnets and addresses hold for what is made from now on. */
export const SwarmParameters = z.strictObject({
  advertiseAddress: z
    .ipv4()
    .optional()
    .describe(
      'Address at which other nodes reach this one; absent: the one its default route uses.',
    ),
  acceptsNodes: z
    .boolean()
    .default(false)
    .describe("Whether other nodes may join the swarm: opens Swarm's ports to them."),
  gatewaySubnet: Subnet.default('172.30.0.0/18').describe(
    'Subnet of the bridge between this node and its tasks; the same on all nodes, unused elsewhere.',
  ),
  networkPool: Subnet.default('10.128.0.0/12').describe(
    'Where the private networks of instances are cut from, one /24 each.',
  ),
  restartDelayMs: z
    .int()
    .min(100)
    .max(60_000)
    .default(1000)
    .describe('How long after its end a task is started again.'),
  logFileBytes: z
    .int()
    .min(65_536)
    .default(10 * 1024 * 1024)
    .describe('Size at which a container log is rotated; three files are kept.'),
})
export type SwarmParameters = z.infer<typeof SwarmParameters>

/** Throws InvalidArgument with the path of every wrong parameter. */
export function parseParameters(input: Readonly<Record<string, unknown>>): SwarmParameters {
  const parsed = SwarmParameters.safeParse(input)
  if (parsed.success) return parsed.data
  throw refusal(parsed.error.issues.flatMap(toProblems))
}

function toProblems(issue: z.core.$ZodIssue): readonly Problem[] {
  const code = 'InvalidArgument'
  if (issue.code !== 'unrecognized_keys') {
    return [{ code, path: issue.path.join('.'), message: issue.message }]
  }
  return issue.keys.map((path) => ({ code, path, message: 'is not a parameter of this driver' }))
}
