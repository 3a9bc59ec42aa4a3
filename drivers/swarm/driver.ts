import { DockerClient } from '@polis/engine-docker/client'
import type { DeviceIdentity, Driver, DriverHost, DriverManifest } from '@polis/hal/driver'
import type { OrchestratorCapabilities, OrchestratorPort } from '@polis/hal/orchestrator'
import { run } from '@polis/lib/run'
import { z } from 'zod'
import { parseParameters, SwarmParameters } from './config.ts'
import type { RunOnNode } from './host-network.ts'
import { SwarmOrchestrator } from './orchestrator.ts'

export interface SwarmDriverDeps {
  readonly dockerSocketPath: string
  readonly containerdSocketPath: string
  /** How to run a program on the node; absent: as a child of this process. */
  readonly runOnNode?: RunOnNode
}

const CAPABILITIES: OrchestratorCapabilities = { movesTasks: true, hasNetworkAliases: true }

const MANIFEST: DriverManifest = {
  name: 'swarm',
  class: 'orchestrator',
  version: '0.1.0',
  summary: "Runs tasks with Docker's Swarm mode, on one server or many.",
  parameters: z.toJSONSchema(SwarmParameters, { io: 'input' }),
  capabilities: { ...CAPABILITIES },
}

const runHere: RunOnNode = async (program, args, signal) =>
  (await run(program, args, { signal })).stdout

/** Docker's Swarm mode as an orchestrator. */
export function swarmDriver(deps: SwarmDriverDeps): Driver<OrchestratorPort> {
  return {
    manifest: MANIFEST,
    open: ({ parameters }: DeviceIdentity, host: DriverHost): OrchestratorPort =>
      new SwarmOrchestrator({
        docker: new DockerClient({ socketPath: deps.dockerSocketPath }),
        containerdSocketPath: deps.containerdSocketPath,
        runOnNode: deps.runOnNode ?? runHere,
        parameters: parseParameters(parameters),
        installationUid: host.installationUid,
        clock: host.clock,
        logger: host.logger.child({ driver: MANIFEST.name }),
      }),
  }
}
