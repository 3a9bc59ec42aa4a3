import { server } from './commands/server.ts'

await server()
