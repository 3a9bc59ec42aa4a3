import { setImmediate as giveWay } from 'node:timers/promises'
import type { EdgeWorld, WorldAnswer, WorldConnection, WorldServer } from './edge-world.ts'
import type { FakeConnection } from './fake-connection.ts'
import type { FakeIngress } from './fake.ts'
import { findHttpRoute } from './table.ts'

const HTTP_PORT = 8080
const TCP_PORT = 9090

/** The world around a fake edge: servers are names, connections are questions to the fake. */
export class FakeWorld implements EdgeWorld {
  readonly sources: readonly [string, string] = ['10.0.0.1', '10.0.0.2']
  readonly gatewayAddress: string
  readonly otherAddress = '192.0.2.1'
  readonly #fake: FakeIngress
  readonly #servers = new Map<string, { readonly name: string; hits: number }>()
  #ports = 1000
  #certificates = 0

  constructor(fake: FakeIngress, gatewayAddress: string) {
    this.#fake = fake
    this.gatewayAddress = gatewayAddress
  }

  async startServer(name: string): Promise<WorldServer> {
    const address = `10.1.0.${this.#servers.size + 1}`
    const server = { name, hits: 0 }
    this.#servers.set(address, server)
    return {
      name,
      address,
      httpPort: HTTP_PORT,
      tcpPort: TCP_PORT,
      countHits: () => server.hits,
      stop: async () => this.#fake.setStatus(name, undefined),
    }
  }

  async freePort(): Promise<number> {
    this.#ports += 1
    return this.#ports
  }

  async get(request: { readonly host: string; readonly isTls?: boolean }): Promise<WorldAnswer> {
    const connection = this.#fake.request(request.host, request.isTls)
    connection?.close()
    if (connection !== undefined) return { status: 200, server: this.#reach(connection) }
    const route = findHttpRoute(this.#fake.table.http, request.host)
    if (request.isTls === true && route?.certificate === undefined) return {}
    return { status: route === undefined ? 404 : 503 }
  }

  async getSlowly(
    host: string,
  ): Promise<{ readonly server: string; finish(): Promise<WorldAnswer> }> {
    const connection = this.#fake.request(host)
    if (connection === undefined) throw new Error(`no server answers for ${host}`)
    const server = this.#reach(connection)
    const finish = async () => {
      connection.close()
      return { status: 200, server }
    }
    return { server, finish }
  }

  async connect(to: {
    readonly address: string
    readonly port: number
    readonly from: string
  }): Promise<WorldConnection | undefined> {
    const connection = this.#fake.connect(to)
    if (connection === undefined) return undefined
    const server = this.#reach(connection)
    return {
      server,
      get isOpen() {
        return connection.isOpen
      },
      close: () => connection.close(),
    }
  }

  startLoad(host: string): { stop(): Promise<{ succeeded: number; failures: readonly string[] }> } {
    const stopped = new AbortController()
    const failures: string[] = []
    let succeeded = 0
    const work = async (): Promise<void> => {
      while (!stopped.signal.aborted) {
        const { status } = await this.get({ host })
        if (status === 200) succeeded += 1
        else failures.push(`status ${status}`)
        // A change of the table that comes over a connection needs its turn, as it would have between real requests.
        if (succeeded % 1_000 === 0) await giveWay()
      }
    }
    const done = work()
    const stop = async () => {
      stopped.abort()
      await done
      return { succeeded, failures }
    }
    return { stop }
  }

  async makeCertificate(
    hosts: readonly string[],
  ): Promise<{ readonly certificatePem: string; readonly privateKeyPem: string }> {
    this.#certificates += 1
    const certificatePem = `-----BEGIN CERTIFICATE----- ${this.#certificates} ${hosts.join(' ')}`
    return { certificatePem, privateKeyPem: '-----BEGIN PRIVATE KEY-----' }
  }

  async shownCertificate(host: string): Promise<string | undefined> {
    const { http, certificates } = this.#fake.table
    const name = findHttpRoute(http, host)?.certificate
    return certificates.find((certificate) => certificate.name === name)?.certificatePem
  }

  fingerprintOf(certificatePem: string): string {
    return certificatePem
  }

  async holdPort(
    address: string,
    port: number,
  ): Promise<AsyncDisposable & { readonly owner: string }> {
    const owner = 'nginx (pid 42)'
    this.#fake.setPortOwners([{ address, port, owner }])
    return { owner, [Symbol.asyncDispose]: async () => this.#fake.setPortOwners([]) }
  }

  #reach({ endpoint }: FakeConnection): string {
    const server = this.#servers.get(endpoint.address)
    if (server === undefined) throw new Error(`nobody is at ${endpoint.address}`)
    server.hits += 1
    return server.name
  }
}
