// The parts of the Engine API's answers that this driver reads.
import { z } from 'zod'

const Labels = z.record(z.string(), z.string()).nullish()

export const SwarmService = z.object({
  ID: z.string(),
  Spec: z.object({ Name: z.string(), Labels }),
})
export type SwarmService = z.infer<typeof SwarmService>

export const SwarmTask = z.object({
  ID: z.string(),
  CreatedAt: z.string(),
  NodeID: z.string().optional(),
  Status: z.object({
    State: z.string(),
    Message: z.string().optional(),
    Err: z.string().optional(),
    ContainerStatus: z
      .object({ ContainerID: z.string().optional(), ExitCode: z.number().optional() })
      .nullish(),
  }),
  Spec: z.object({ ContainerSpec: z.object({ Labels }).optional() }),
})
export type SwarmTask = z.infer<typeof SwarmTask>

export const ListedContainer = z.object({
  Id: z.string(),
  Created: z.number(),
  State: z.string(),
  /** `Up 7 seconds (unhealthy)` */
  Status: z.string(),
  Labels,
})
export type ListedContainer = z.infer<typeof ListedContainer>

export const InspectedContainer = z.object({
  Id: z.string(),
  State: z.object({
    Status: z.string(),
    Running: z.boolean(),
    Pid: z.number(),
    ExitCode: z.number(),
    OOMKilled: z.boolean(),
    Error: z.string(),
    StartedAt: z.string(),
    Health: z
      .object({
        Status: z.string(),
        Log: z.array(z.object({ ExitCode: z.number(), Output: z.string() })).nullish(),
      })
      .nullish(),
  }),
  NetworkSettings: z.object({
    SandboxID: z.string().nullish(),
    Networks: z.record(z.string(), z.object({ IPAddress: z.string().nullish() })).nullish(),
  }),
})
export type InspectedContainer = z.infer<typeof InspectedContainer>

export const EngineNetwork = z.object({
  Name: z.string(),
  Id: z.string(),
  Driver: z.string(),
  IPAM: z.object({
    Config: z
      .array(z.object({ Subnet: z.string().optional(), Gateway: z.string().optional() }))
      .nullish(),
  }),
  Options: z.record(z.string(), z.string()).nullish(),
  Labels,
  Containers: z
    .record(z.string(), z.object({ Name: z.string(), IPv4Address: z.string() }))
    .nullish(),
})
export type EngineNetwork = z.infer<typeof EngineNetwork>

export const SwarmNode = z.object({ ID: z.string(), Status: z.object({ State: z.string() }) })
export type SwarmNode = z.infer<typeof SwarmNode>

/** The node whose engine is asked. */
export const EngineNode = z.object({
  Name: z.string().optional(),
  LiveRestoreEnabled: z.boolean(),
  Swarm: z.object({
    NodeID: z.string(),
    NodeAddr: z.string(),
    LocalNodeState: z.string(),
    ControlAvailable: z.boolean(),
    Error: z.string().optional(),
    Nodes: z.number().optional(),
    RemoteManagers: z.array(z.object({ NodeID: z.string() })).nullish(),
    Cluster: z.object({ Spec: z.object({ Labels }).nullish() }).nullish(),
  }),
})
export type EngineNode = z.infer<typeof EngineNode>
