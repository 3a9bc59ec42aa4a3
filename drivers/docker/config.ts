import { z } from 'zod'

export const Parameters = z.strictObject({
  network: z
    .enum(['default', 'host', 'none'])
    .default('default')
    .describe("What a build's steps reach: a bridge of their own, the node's network, or nothing."),
  pull: z
    .enum(['missing', 'never'])
    .default('missing')
    .describe('Whether base images that the node lacks are fetched from their registry.'),
})
export type Parameters = z.infer<typeof Parameters>
