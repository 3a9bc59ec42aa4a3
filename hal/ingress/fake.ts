import { isDeepStrictEqual } from 'node:util'
import type { Clock } from '@polis/lib/clock'
import { type PolisError, refusal } from '@polis/lib/error'
import type { Nothing, ObservedDevice } from '../driver.ts'
import { Faults } from '../faults.ts'
import type {
  AppliedTable,
  EdgeTable,
  Endpoint,
  IngressPort,
  PortOwner,
  ProbeRequest,
  ProbeResult,
} from './class.ts'
import { FakeConnection } from './fake-connection.ts'
import { findHttpRoute, findTableProblems, isSameListener } from './table.ts'

export interface FakeIngressOptions {
  readonly clock: Clock
  /** As the device parameter of that name; absent: gateway routes are refused. */
  readonly gatewayAddress?: string
}

const EMPTY: EdgeTable = { http: [], ports: [], gateway: [], certificates: [] }
const HTTP_PORT = 80
const HTTPS_PORT = 443
const OWN_LISTENERS: readonly PortOwner[] = [
  { address: '0.0.0.0', port: HTTP_PORT, owner: 'the edge itself, for HTTP' },
  { address: '0.0.0.0', port: HTTPS_PORT, owner: 'the edge itself, for HTTPS' },
]

/** An edge in memory. What it would answer is asked of `request` and `connect`; time passes by the clock given. */
export class FakeIngress implements IngressPort {
  readonly #faults = new Faults<keyof IngressPort>()
  readonly #clock: Clock
  readonly #gatewayAddress: string | undefined
  readonly #connections = new Set<FakeConnection>()
  readonly #statuses = new Map<string, number | undefined>()
  #table: EdgeTable = EMPTY
  #portOwners: readonly PortOwner[] = []
  #turns = 0

  constructor(options: FakeIngressOptions) {
    this.#clock = options.clock
    this.#gatewayAddress = options.gatewayAddress
  }

  // Levers

  failNext(error: PolisError, method?: keyof IngressPort): void {
    this.#faults.failNext(error, method)
  }

  setAway(isAway: boolean): void {
    this.#faults.setAway(isAway)
  }

  /** The foreign listeners of the node from now on. */
  setPortOwners(owners: readonly PortOwner[]): void {
    this.#portOwners = owners
  }

  /** What a task's server answers from now on; undefined: nothing, as when it refuses connections. Default 200. */
  setStatus(taskUid: string, status: number | undefined): void {
    this.#statuses.set(taskUid, status)
  }

  /** The table that holds. */
  get table(): EdgeTable {
    return structuredClone(this.#table)
  }

  /** The endpoints that a request for `host` may reach; undefined when no route has that host. */
  endpointsFor(host: string): readonly Endpoint[] | undefined {
    return findHttpRoute(this.#table.http, host)?.endpoints
  }

  /** The endpoints that a connection to a published port may reach; undefined when nothing listens there. */
  endpointsForPort(address: string, port: number): readonly Endpoint[] | undefined {
    return this.#table.ports.find((route) => isSameListener(route, { address, port }))?.endpoints
  }

  /**
   * A request for `host` that stays under way until its `close()`. Undefined when no endpoint takes it: the edge
   * answers by itself.
   */
  request(host: string, isTls = false): FakeConnection | undefined {
    const route = findHttpRoute(this.#table.http, host)
    if (route === undefined || (isTls && route.certificate === undefined)) return undefined
    const alive = route.endpoints.filter(
      (endpoint) => this.#statusOf(endpoint.taskUid) !== undefined,
    )
    return this.#connectToOne(alive, undefined)
  }

  /** A connection from `from` to a published or gateway port; undefined when it is refused. */
  connect(to: { address: string; port: number; from: string }): FakeConnection | undefined {
    const gateway = this.#table.gateway.find(
      ({ port }) => to.address === this.#gatewayAddress && port === to.port,
    )
    if (gateway === undefined) {
      return this.#connectToOne(this.endpointsForPort(to.address, to.port) ?? [], undefined)
    }
    if (!gateway.admitted.includes(to.from)) return undefined
    return this.#connectToOne(gateway.upstreams, { port: to.port, from: to.from })
  }

  // Port

  async ensureDevice(_: Nothing, signal: AbortSignal): Promise<ObservedDevice> {
    this.#faults.enter('ensureDevice', signal)
    return this.#observe()
  }

  async observeDevice(_: Nothing, signal: AbortSignal): Promise<ObservedDevice> {
    this.#faults.enter('observeDevice', signal)
    return this.#observe()
  }

  async removeDevice(_: Nothing, signal: AbortSignal): Promise<Nothing> {
    this.#faults.enter('removeDevice', signal)
    this.#table = EMPTY
    for (const connection of this.#connections) connection.close()
    return {}
  }

  async applyTable(input: EdgeTable, signal: AbortSignal): Promise<AppliedTable> {
    this.#faults.enter('applyTable', signal)
    this.#refuse(input)
    const before = this.#table
    if (isDeepStrictEqual(before, input)) return { by: 'unchanged' }
    this.#table = structuredClone(input)
    for (const connection of this.#connections) {
      if (!this.#isStillAdmitted(connection)) connection.close()
    }
    return { by: isDeepStrictEqual(bindsOf(before), bindsOf(input)) ? 'runtime' : 'reload' }
  }

  async awaitIdle(
    input: { taskUid: string; incarnation: string; timeoutMs: number },
    signal: AbortSignal,
  ): Promise<{ isIdle: boolean }> {
    this.#faults.enter('awaitIdle', signal)
    const underWay = [...this.#connections].filter((connection) => connection.isTo(input))
    if (underWay.length === 0) return { isIdle: true }
    const isIdle = Promise.all(underWay.map(({ closed }) => closed)).then(() => true)
    const isLate = this.#clock.sleep(input.timeoutMs, signal).then(() => false)
    return { isIdle: await Promise.race([isIdle, isLate]) }
  }

  async probe(input: ProbeRequest, signal: AbortSignal): Promise<ProbeResult> {
    this.#faults.enter('probe', signal)
    const route = findHttpRoute(this.#table.http, input.host)
    if (input.isTls && route?.certificate === undefined) {
      return { isFromEndpoint: false, message: 'the TLS handshake was refused' }
    }
    if (route === undefined) return { status: 404, isFromEndpoint: false, message: 'no route' }
    const request = this.request(input.host, input.isTls)
    request?.close()
    const status = request && this.#statusOf(request.endpoint.taskUid)
    if (status === undefined) {
      return { status: 503, isFromEndpoint: false, message: 'no endpoint' }
    }
    return { status, isFromEndpoint: true, message: `${status}` }
  }

  async findPortOwners(
    input: { ports: { address: string; port: number }[] },
    signal: AbortSignal,
  ): Promise<{ taken: PortOwner[] }> {
    this.#faults.enter('findPortOwners', signal)
    return { taken: input.ports.flatMap((wanted) => this.#ownersOf(wanted)) }
  }

  // Inside

  #observe(): ObservedDevice {
    const facts = { httpPort: String(HTTP_PORT), httpsPort: String(HTTPS_PORT) }
    const gateway =
      this.#gatewayAddress === undefined ? {} : { gatewayAddress: this.#gatewayAddress }
    return { isReady: true, engineVersion: 'fake', message: '', facts: { ...facts, ...gateway } }
  }

  #refuse(table: EdgeTable): void {
    const broken = table.certificates.flatMap(({ certificatePem }, index) =>
      certificatePem.includes('BEGIN CERTIFICATE')
        ? []
        : [
            {
              code: 'InvalidArgument' as const,
              path: `certificates[${index}].certificatePem`,
              message: 'this is not a certificate',
            },
          ],
    )
    const problems = [...findTableProblems(table, this.#gatewayAddress), ...broken]
    if (problems.length > 0) throw refusal(problems)
    const taken = table.ports.flatMap((route, index) =>
      this.#ownersOf(route).map(({ owner }) => ({
        code: 'AlreadyExists' as const,
        path: `ports[${index}].port`,
        message: `${route.address}:${route.port} is held by ${owner}`,
      })),
    )
    if (taken.length > 0) throw refusal(taken)
  }

  #ownersOf(wanted: { readonly address: string; readonly port: number }): readonly PortOwner[] {
    return [...OWN_LISTENERS, ...this.#portOwners]
      .filter((owner) => isSameListener(owner, wanted))
      .map(({ owner }) => ({ address: wanted.address, port: wanted.port, owner }))
  }

  #statusOf(taskUid: string): number | undefined {
    return this.#statuses.has(taskUid) ? this.#statuses.get(taskUid) : 200
  }

  #connectToOne(
    targets: readonly { address: string; port: number; taskUid?: string; incarnation?: string }[],
    admission: { readonly port: number; readonly from: string } | undefined,
  ): FakeConnection | undefined {
    this.#turns += 1
    const target = targets[this.#turns % Math.max(1, targets.length)]
    if (target === undefined) return undefined
    const { address, port, taskUid = '', incarnation = '' } = target
    const endpoint = { address, port, taskUid, incarnation }
    const connection = new FakeConnection(endpoint, admission, () =>
      this.#connections.delete(connection),
    )
    this.#connections.add(connection)
    return connection
  }

  #isStillAdmitted({ admission }: FakeConnection): boolean {
    if (admission === undefined) return true
    const route = this.#table.gateway.find(({ port }) => port === admission.port)
    return route?.admitted.includes(admission.from) === true
  }
}

function bindsOf(table: EdgeTable): readonly string[] {
  const ports = table.ports.map(({ address, port }) => `${address}:${port}`)
  const gateway = table.gateway.map(({ port }) => `gateway:${port}`)
  return [...ports, ...gateway].toSorted()
}
