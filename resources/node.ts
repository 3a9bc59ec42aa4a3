import { z } from 'zod'
import { defineKind, type ObjectOf } from './kind.ts'
import { BaseStatus, NOT_OBSERVED } from './object.ts'

export const NodeSpec = z.strictObject({
  /** False: cordoned. What runs stays, nothing new comes. */
  isSchedulable: z.boolean(),
  labels: z.record(z.string(), z.string()),
})
export type NodeSpec = z.infer<typeof NodeSpec>

export const NodeFacts = z.object({
  hostName: z.string(),
  os: z.string(),
  kernelRelease: z.string(),
  architecture: z.string(),
  cpus: z.number(),
  memoryBytes: z.number(),
  memoryAvailableBytes: z.number(),
  diskBytes: z.number(),
  diskAvailableBytes: z.number(),
  addresses: z.array(z.string()),
  agentVersion: z.string(),
  bootId: z.string(),
  /** The node's wall clock when it reported, ISO 8601. */
  reportedAt: z.string(),
})
export type NodeFacts = z.infer<typeof NodeFacts>

export const NodeStatus = BaseStatus.extend({
  facts: NodeFacts.optional(),
  /** The orchestrator's own name of this node. */
  engineNode: z.string().optional(),
  /** Address of the node bridge's gateway, where tasks find what they are attached to. */
  gatewayAddress: z.string().optional(),
})
export type NodeStatus = z.infer<typeof NodeStatus>

export const nodeKind = defineKind({
  name: 'Node',
  plural: 'nodes',
  scope: 'installation',
  summary: 'A server that runs the agent.',
  version: 1,
  spec: NodeSpec,
  status: NodeStatus,
  newStatus: NOT_OBSERVED,
})
export type Node = ObjectOf<typeof nodeKind>
