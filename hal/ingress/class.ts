import { z } from 'zod'
import { type Contract, unary } from '../contract.ts'
import { type DeviceLifecycle, Nothing, ObservedDevice } from '../driver.ts'

/** One incarnation of a task that may be sent traffic. */
export const Endpoint = z.object({
  taskUid: z.string(),
  incarnation: z.string(),
  address: z.string(),
  port: z.number().int().min(1).max(65535),
})
export type Endpoint = z.infer<typeof Endpoint>

/** HTTP by host name, to the endpoints of one service port. */
export const HttpRoute = z.object({
  uid: z.string(),
  /** Lower case; `*.example.org` matches one or more labels in front and yields to an exact name. */
  host: z.string(),
  /** Name of the certificate for TLS, absent: plain HTTP only. */
  certificate: z.string().optional(),
  endpoints: z.array(Endpoint),
})
export type HttpRoute = z.infer<typeof HttpRoute>

/** A TCP port of the node, to the endpoints of one service port. */
export const PortRoute = z.object({
  uid: z.string(),
  /** Address to listen on; '0.0.0.0' is every one, '127.0.0.1' means just that. */
  address: z.string(),
  port: z.number().int().min(1).max(65535),
  endpoints: z.array(Endpoint),
})
export type PortRoute = z.infer<typeof PortRoute>

/** A port on the bridge's gateway address where admitted tasks reach a device or another instance's service. */
export const GatewayRoute = z.object({
  uid: z.string(),
  port: z.number().int().min(1).max(65535),
  upstreams: z.array(z.object({ address: z.string(), port: z.number().int().min(1).max(65535) })),
  /** Bridge addresses of the tasks that may come in; all others are refused at once. */
  admitted: z.array(z.string()),
})
export type GatewayRoute = z.infer<typeof GatewayRoute>

/** All that one node's edge shall do: given whole, so that nothing is left over from before. */
export const EdgeTable = z.object({
  http: z.array(HttpRoute),
  ports: z.array(PortRoute),
  gateway: z.array(GatewayRoute),
  certificates: z.array(
    z.object({
      name: z.string(),
      /** Leaf first, then intermediates. */
      certificatePem: z.string(),
      privateKeyPem: z.string(),
    }),
  ),
})
export type EdgeTable = z.infer<typeof EdgeTable>

export const AppliedTable = z.object({
  /** 'unchanged': nothing to do; 'runtime': changed without touching the process; 'reload': a new worker took over. */
  by: z.enum(['unchanged', 'runtime', 'reload']),
})
export type AppliedTable = z.infer<typeof AppliedTable>

export const ProbeRequest = z.object({
  host: z.string(),
  path: z.string(),
  isTls: z.boolean(),
})
export type ProbeRequest = z.infer<typeof ProbeRequest>

export const ProbeResult = z.object({
  /** HTTP status through the public listener; absent when no answer came. */
  status: z.number().int().optional(),
  /** Whether the answer came from an endpoint (true) or from the edge itself (false). */
  isFromEndpoint: z.boolean(),
  message: z.string(),
})
export type ProbeResult = z.infer<typeof ProbeResult>

export const PortOwner = z.object({
  address: z.string(),
  port: z.number().int(),
  /** Program name and pid of a foreign listener, in words. */
  owner: z.string(),
})
export type PortOwner = z.infer<typeof PortOwner>

/**
 * Device class: the edge of one node, the one way between its programs and everything else.
 * ObservedDevice.facts has `httpPort`, `httpsPort` and, where it has one, `gatewayAddress`. It serves on while the agent
 * is away. After a reboot of the node `ensureDevice` brings the last table back without endpoints and admissions, since
 * their addresses may be somebody else's by then: routes lead nowhere until the next `applyTable`.
 */
export interface IngressPort extends DeviceLifecycle {
  /**
   * Makes the whole table hold; endpoints, admissions and certificates change without a reload. The table is tested
   * before it takes over and the old one kept when the test fails (InvalidArgument). Throws AlreadyExists, with the
   * owner's name, for a port that a foreign process or the edge's own HTTP holds; FailedPrecondition for gateway routes
   * of an edge without a gateway address. Returns when new connections follow the table. Removed endpoints get no new
   * request; requests under way end by themselves. Connections through the gateway whose source is admitted no more are
   * ended. Of several calls at once the last one given holds wholly. Safe to repeat.
   */
  applyTable(input: EdgeTable, signal: AbortSignal): Promise<AppliedTable>
  /** Waits until no request is under way to the given incarnation, or `timeoutMs` passed; false in the latter case. */
  awaitIdle(
    input: { taskUid: string; incarnation: string; timeoutMs: number },
    signal: AbortSignal,
  ): Promise<{ isIdle: boolean }>
  /** One GET through the public listener, as a browser would. Whether a TLS certificate is trusted is told in words only. */
  probe(input: ProbeRequest, signal: AbortSignal): Promise<ProbeResult>
  /**
   * Which of these ports a port route could not have now, and who is in the way: foreign processes, and the edge's own
   * HTTP and HTTPS listeners. Ports of the table that holds are not taken. Used by plans.
   */
  findPortOwners(
    input: { ports: { address: string; port: number }[] },
    signal: AbortSignal,
  ): Promise<{ taken: PortOwner[] }>
}

export const ingressContract: Contract<IngressPort> = {
  ensureDevice: unary(Nothing, ObservedDevice),
  observeDevice: unary(Nothing, ObservedDevice),
  removeDevice: unary(Nothing, Nothing),
  applyTable: unary(EdgeTable, AppliedTable),
  awaitIdle: unary(
    z.object({ taskUid: z.string(), incarnation: z.string(), timeoutMs: z.number() }),
    z.object({ isIdle: z.boolean() }),
  ),
  probe: unary(ProbeRequest, ProbeResult),
  findPortOwners: unary(
    z.object({ ports: z.array(z.object({ address: z.string(), port: z.number() })) }),
    z.object({ taken: z.array(PortOwner) }),
  ),
}
