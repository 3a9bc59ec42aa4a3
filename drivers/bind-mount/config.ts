import { isAbsolute } from 'node:path'
import { z } from 'zod'

export const Parameters = z.strictObject({
  allowedRoots: z
    .array(z.string().refine((path) => isAbsolute(path), 'must be an absolute path'))
    .default([])
    .describe('Folders of the node below which volumes with a path may lie; none by default.'),
  filesSizeBytes: z
    .number()
    .int()
    .positive()
    .default(256 * 1024 * 1024)
    .describe('Most memory that the binding and secret files of all tasks on the node may take.'),
})
export type Parameters = z.infer<typeof Parameters>
