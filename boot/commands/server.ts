import { runService } from '../run-service.ts'
import { runServer } from '../wire/server.ts'

/** The kernel and the API. Ends the process. */
export async function server(): Promise<never> {
  return await runService('server', runServer)
}
