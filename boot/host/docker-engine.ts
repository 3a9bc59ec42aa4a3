// What Docker says of itself.
import { DockerClient } from '@polis/engine-docker/client'
import { z } from 'zod'

const EngineFacts = z.object({
  ServerVersion: z.string(),
  LiveRestoreEnabled: z.boolean().default(false),
  DockerRootDir: z.string(),
  Swarm: z.object({
    LocalNodeState: z.string().default('inactive'),
    ControlAvailable: z.boolean().default(false),
  }),
})

export interface DockerEngine {
  readonly version: string
  readonly hasLiveRestore: boolean
  readonly dataDir: string
  /** `worker`: of somebody else's swarm, which this node cannot change. */
  readonly swarm: 'none' | 'manager' | 'worker' | 'broken'
}

const ANSWER_MS = 5000

/** Undefined while no engine serves there. */
export async function findEngine(socketPath: string): Promise<DockerEngine | undefined> {
  const docker = new DockerClient({ socketPath })
  const signal = AbortSignal.timeout(ANSWER_MS)
  try {
    const facts = await docker.request('GET', '/info', { schema: EngineFacts, signal })
    const { LocalNodeState: state, ControlAvailable: isManager } = facts.Swarm
    return {
      version: facts.ServerVersion,
      hasLiveRestore: facts.LiveRestoreEnabled,
      dataDir: facts.DockerRootDir,
      swarm: toSwarm(state, isManager),
    }
  } catch {
    return undefined
  }
}

function toSwarm(state: string, isManager: boolean): DockerEngine['swarm'] {
  if (state === 'inactive') return 'none'
  if (isManager) return 'manager'
  return state === 'active' ? 'worker' : 'broken'
}

const Containers = z.array(z.object({ Names: z.array(z.string()) }))

/** The container that Docker publishes at this port, in words. */
export async function findPublisher(socketPath: string, port: number): Promise<string | undefined> {
  const docker = new DockerClient({ socketPath })
  try {
    const [container] = await docker.request('GET', '/containers/json', {
      schema: Containers,
      query: { filters: JSON.stringify({ publish: [String(port)] }) },
      signal: AbortSignal.timeout(ANSWER_MS),
    })
    const name = container?.Names[0]?.replace(/^\//, '')
    return name === undefined ? undefined : `Docker's container ${name}`
  } catch {
    return undefined
  }
}
