import { agent } from './commands/agent.ts'

await agent()
