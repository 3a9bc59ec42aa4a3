import { PolisError, refusal } from '@polis/lib/error'
import { z } from 'zod'
import { parseSubnet } from './subnets.ts'

const Subnet = z.string().refine((text) => parseSubnet(text) !== undefined, {
  message: 'is not an IPv4 subnet such as 172.30.0.0/18',
})

/** What `polis device add swarm --set` takes. All but `advertiseAddress` hold for what is made from now on. */
export const SwarmParameters = z.strictObject({
  advertiseAddress: z
    .ipv4()
    .optional()
    .describe(
      'Address at which other nodes reach this one; absent: the one its default route uses.',
    ),
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
  if (parsed.error.issues.length === 0) throw new PolisError('InvalidArgument', 'wrong parameters')
  throw refusal(
    parsed.error.issues.map(({ path, message }) => ({
      code: 'InvalidArgument',
      path: path.join('.'),
      message,
    })),
  )
}
