// Opens the driver as an agent inside a test server would.
import type { DriverHost } from '@polis/hal/driver'
import type { OrchestratorPort } from '@polis/hal/orchestrator'
import { run } from '@polis/lib/run'
import { swarmDriver } from './driver.ts'

export interface TestNode {
  readonly dockerSocketPath: string
  readonly containerdSocketPath: string
  /** What stands before a program's name to run it on the node. */
  readonly enterCommand: readonly string[]
}

export function openTestDevice(
  { dockerSocketPath, containerdSocketPath, enterCommand }: TestNode,
  host: DriverHost,
  parameters: Readonly<Record<string, unknown>> = {},
): OrchestratorPort {
  const [enter = '', ...enterArgs] = enterCommand
  const driver = swarmDriver({
    dockerSocketPath,
    containerdSocketPath,
    runOnNode: async (program, args, signal) =>
      (await run(enter, [...enterArgs, program, ...args], { signal })).stdout,
  })
  return driver.open({ uid: 'swarm', name: 'swarm', parameters: { ...parameters } }, host)
}
