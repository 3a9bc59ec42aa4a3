// `node test/rig/sweep.ts`: takes away what test runs that were killed have left on this machine.
import { sweepAbandoned } from './cleanup.ts'

const names = await sweepAbandoned(AbortSignal.timeout(120_000))
process.stdout.write(names.map((name) => `removed ${name}\n`).join(''))
