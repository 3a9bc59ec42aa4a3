import { isIP } from 'node:net'
import { refusal } from '@polis/lib/error'
import { z } from 'zod'

const IpAddress = z.string().refine((text) => isIP(text) !== 0, 'not an IP address')
const Port = z.number().int().min(1).max(65535)

/** What `polis device add haproxy --set` takes. */
export const HaproxyParameters = z.strictObject({
  httpAddress: IpAddress.default('0.0.0.0').describe('Address of the HTTP and HTTPS listeners'),
  httpPort: Port.default(80),
  httpsPort: Port.default(443).describe(
    'Always listened on; a name without a certificate is refused in the TLS handshake',
  ),
  gatewayAddress: IpAddress.optional().describe(
    "The bridge's own address, where tasks reach devices; absent: no gateway routes",
  ),
  maxConnections: z.number().int().min(100).max(1_000_000).default(8192),
  spareRoutes: z
    .number()
    .int()
    .min(0)
    .max(4096)
    .default(64)
    .describe('How many new domains can come before one needs a reload; about 12 KB each'),
})
export type HaproxyParameters = z.infer<typeof HaproxyParameters>

/** Throws InvalidArgument with every wrong parameter's path. */
export function parseParameters(input: unknown): HaproxyParameters {
  const parsed = HaproxyParameters.safeParse(input)
  if (parsed.success) return parsed.data
  throw refusal(
    parsed.error.issues.map(({ path, message }) => ({
      code: 'InvalidArgument',
      path: ['parameters', ...path].join('.'),
      message,
    })),
  )
}
