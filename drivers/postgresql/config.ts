import { z } from 'zod'

const MEBIBYTE = 1024 * 1024

export const Parameters = z.strictObject({
  image: z
    .string()
    .min(1)
    .optional()
    .describe("An image that keeps the official postgres image's contract; absent: Polis' own."),
  memoryBytes: z
    .int()
    .min(128 * MEBIBYTE)
    .default(1024 * MEBIBYTE)
    .describe('Most memory the server may take.'),
  shmBytes: z
    .int()
    .min(16 * MEBIBYTE)
    .default(128 * MEBIBYTE)
    .describe('Size of /dev/shm, which parallel queries use.'),
  stopGraceSeconds: z
    .int()
    .min(1)
    .max(3600)
    .default(60)
    .describe('How long the server has to write its data when it is stopped.'),
  settings: z
    .record(z.string().regex(/^[a-z_.]+$/, 'must be a name of postgresql.conf'), z.string())
    .default({})
    .describe('Settings of postgresql.conf, such as {"max_connections": "200"}.'),
})
export type Parameters = z.infer<typeof Parameters>
