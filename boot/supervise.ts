import { supervise } from './commands/supervise.ts'

await supervise(process.env)
process.exit(0)
