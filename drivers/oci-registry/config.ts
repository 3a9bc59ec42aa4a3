import { isAbsolute } from 'node:path'
import { z } from 'zod'

const MEBIBYTE = 1024 * 1024

export const Parameters = z.strictObject({
  image: z
    .string()
    .min(1)
    .optional()
    .describe("An image with a `registry` program, such as the official one; absent: Polis' own."),
  address: z
    .ipv4()
    .optional()
    .describe(
      'Address of this node at which all nodes reach the registry; part of every image name, so it must not change. ' +
        "Absent: this node's own on the bridge of devices, which only this node reaches.",
    ),
  port: z.int().min(1).max(65_535).default(5000).describe('Port at that address.'),
  memoryBytes: z
    .int()
    .min(64 * MEBIBYTE)
    .default(512 * MEBIBYTE)
    .describe('Most memory the registry may take.'),
  certsDir: z
    .string()
    .refine((path) => isAbsolute(path), 'must be an absolute path')
    .default('/etc/docker/certs.d')
    .describe("Where this node's Docker looks for certificates of registries."),
})
export type Parameters = z.infer<typeof Parameters>
