import { runService } from '../run-service.ts'
import { runAgent } from '../wire/agent.ts'

/** What runs on a node. Ends the process. */
export async function agent(): Promise<never> {
  return await runService('agent', runAgent)
}
