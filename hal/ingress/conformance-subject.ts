// What the parts of the conformance suite share: the subject, and short ways to write tables.
import { PolisError } from '@polis/lib/error'
import { newUid } from '@polis/lib/uid'
import { expect, onTestFinished } from 'vitest'
import type {
  EdgeTable,
  Endpoint,
  GatewayRoute,
  HttpRoute,
  IngressPort,
  PortRoute,
} from './class.ts'
import type { EdgeWorld, WorldServer } from './edge-world.ts'

/** An edge and the world around it, for the suite. */
export interface IngressSubject extends AsyncDisposable {
  readonly ingress: IngressPort
  readonly world: EdgeWorld
  /** Another port on the same device, as an agent has after its restart. */
  readonly reopen: () => IngressPort
}

export type OpenIngress = () => Promise<IngressSubject>

export const signal = (): AbortSignal => AbortSignal.timeout(30_000)

export function tableOf(parts: Partial<EdgeTable>): EdgeTable {
  return { http: [], ports: [], gateway: [], certificates: [], ...parts }
}

/** A server as an endpoint of HTTP routes; its task uid is its name. */
export function httpEndpoint(server: WorldServer): Endpoint {
  return {
    taskUid: server.name,
    incarnation: '1',
    address: server.address,
    port: server.httpPort,
  }
}

export function httpRoute(
  host: string,
  servers: readonly WorldServer[],
  certificate?: string,
): HttpRoute {
  const route = { uid: newUid(), host, endpoints: servers.map((server) => httpEndpoint(server)) }
  return certificate === undefined ? route : { ...route, certificate }
}

export async function refusedWith(promise: Promise<unknown>): Promise<PolisError> {
  const error: unknown = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  if (error instanceof PolisError) return error
  throw new Error('expected a PolisError', { cause: error })
}

/** Opens a subject that the running test closes, with its device up. */
export async function openSubject(open: OpenIngress): Promise<IngressSubject> {
  const subject = await open()
  onTestFinished(() => subject[Symbol.asyncDispose]())
  expect(await subject.ingress.ensureDevice({}, signal())).toMatchObject({ isReady: true })
  return subject
}

export function portRoute(
  address: string,
  port: number,
  servers: readonly WorldServer[],
): PortRoute {
  const endpoints = servers.map((server) => ({
    taskUid: server.name,
    incarnation: '1',
    address: server.address,
    port: server.tcpPort,
  }))
  return { uid: newUid(), address, port, endpoints }
}

export function gatewayRoute(
  port: number,
  servers: readonly WorldServer[],
  admitted: readonly string[],
): GatewayRoute {
  const upstreams = servers.map((server) => ({ address: server.address, port: server.tcpPort }))
  return { uid: newUid(), port, upstreams, admitted: [...admitted] }
}

/** Name of the server that a connection reaches; undefined when it reaches none. */
export async function reached(
  world: EdgeWorld,
  address: string,
  port: number,
  from?: string,
): Promise<string | undefined> {
  const connection = await world.connect({ address, port, from: from ?? world.sources[0] })
  connection?.close()
  return connection?.server
}
