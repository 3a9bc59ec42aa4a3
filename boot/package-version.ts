import { z } from 'zod'
import manifest from './package.json' with { type: 'json' }

export const VERSION = z.object({ version: z.string() }).parse(manifest).version
