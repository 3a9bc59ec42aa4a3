// The world around a real edge, for tests: servers and clients in this process, on loopback addresses of their own.
import { randomInt, X509Certificate } from 'node:crypto'
import {
  Agent,
  createServer as createHttpServer,
  type OutgoingHttpHeaders,
  request,
  type IncomingMessage,
} from 'node:http'
import { createConnection, createServer, type Server, type Socket } from 'node:net'
import { connect as tlsConnect } from 'node:tls'
import type {
  EdgeWorld,
  LoadResult,
  SlowRequest,
  WorldAnswer,
  WorldConnection,
  WorldServer,
} from '@polis/hal/ingress/edge-world'
import { until } from '@polis/lib/until'
import { makeTestCertificate, type TestCertificate } from './test-certificate.ts'

const HTTP_PORT = 8080
const TCP_PORT = 9090
const CLIENTS = 4

interface SlowAnswer {
  readonly server: string
  readonly release: () => void
}

/** Listens on addresses of one random /24 of loopback; the edge's own address in it is `edgeAddress`. */
export class LoopbackWorld implements EdgeWorld, AsyncDisposable {
  readonly sources: readonly [string, string]
  readonly gatewayAddress: string
  readonly otherAddress: string
  readonly edgeAddress: string
  readonly #net: string
  readonly #open = new Set<Server>()
  readonly #sockets = new Set<Socket>()
  readonly #slow = new Map<string, SlowAnswer>()
  readonly #ports = new Set<number>()
  #edge = { httpPort: 0, httpsPort: 0 }
  #servers = 0
  #slowRequests = 0

  constructor() {
    this.#net = `127.${randomInt(20, 250)}.${randomInt(0, 250)}`
    this.sources = [`${this.#net}.201`, `${this.#net}.202`]
    this.gatewayAddress = `${this.#net}.254`
    this.otherAddress = `${this.#net}.253`
    this.edgeAddress = `${this.#net}.252`
  }

  /** Where clients find the edge from now on. */
  setEdge(edge: { readonly httpPort: number; readonly httpsPort: number }): void {
    this.#edge = edge
  }

  /** An address that no server has yet. */
  nextAddress(): string {
    this.#servers += 1
    return `${this.#net}.${this.#servers}`
  }

  async startServer(name: string): Promise<WorldServer> {
    const address = this.nextAddress()
    let hits = 0
    const http = createHttpServer((asked, answer) => {
      hits += 1
      const slow = /^\/slow\/(?<id>\w+)/.exec(asked.url ?? '')?.groups?.['id']
      const send = (): void => {
        answer.setHeader('x-seen', JSON.stringify(asked.headers))
        answer.end(name)
      }
      if (slow === undefined) send()
      else this.#slow.set(slow, { server: name, release: send })
    })
    const tcp = createServer((socket) => {
      hits += 1
      this.#sockets.add(socket)
      socket.on('error', () => undefined).write(`${name}\n`)
      socket.resume()
    })
    await Promise.all([this.listen(http, address, HTTP_PORT), this.listen(tcp, address, TCP_PORT)])
    const stop = async (): Promise<void> => {
      http.closeAllConnections()
      await Promise.all([this.#close(http), this.#close(tcp)])
    }
    return { name, address, httpPort: HTTP_PORT, tcpPort: TCP_PORT, countHits: () => hits, stop }
  }

  /** Listens until the world ends. */
  async listen(server: Server, address: string, port: number): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    server.once('error', reject).listen(port, address, resolve)
    await promise
    this.#open.add(server)
  }

  // Below the range that outgoing connections take theirs from.
  async freePort(): Promise<number> {
    for (;;) {
      const port = randomInt(20_000, 32_000)
      if (this.#ports.has(port)) continue
      this.#ports.add(port)
      const server = createServer()
      const isFree = await this.listen(server, '0.0.0.0', port).then(
        () => true,
        () => false,
      )
      await this.#close(server)
      if (isFree) return port
    }
  }

  async get(asked: { readonly host: string; readonly isTls?: boolean }): Promise<WorldAnswer> {
    return asked.isTls === true ? this.#getTls(asked.host) : this.getHttp(asked.host, '/')
  }

  /** A request on a connection of its own, or of the given agent. */
  async getHttp(host: string, path: string, agent: Agent | false = false): Promise<WorldAnswer> {
    try {
      const { answer, body } = await this.fetch(host, path, { agent })
      return toAnswer(answer.statusCode, answer.headers['x-polis-edge'], body)
    } catch {
      return {}
    }
  }

  /** As `getHttp`, with all of the answer; throws when there is none. */
  async fetch(
    host: string,
    path: string,
    options: { readonly agent?: Agent | false; readonly headers?: OutgoingHttpHeaders } = {},
  ): Promise<{ readonly answer: IncomingMessage; readonly body: string }> {
    const { agent = false, headers = {} } = options
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
    request({
      host: this.edgeAddress,
      port: this.#edge.httpPort,
      path,
      agent,
      headers: { host, ...headers },
    })
      .on('response', resolve)
      .on('error', reject)
      .end()
    const answer = await promise
    answer.setEncoding('utf8')
    let body = ''
    for await (const chunk of answer) body += String(chunk)
    return { answer, body }
  }

  async getSlowly(host: string): Promise<SlowRequest> {
    this.#slowRequests += 1
    const id = `request${this.#slowRequests}`
    const answered = this.getHttp(host, `/slow/${id}`)
    const { server, release } = await until(() => this.#slow.get(id), {
      deadlineMs: 5_000,
      everyMs: 5,
      what: 'the arrival of a slow request',
    })
    const finish = (): Promise<WorldAnswer> => {
      release()
      return answered
    }
    return { server, finish }
  }

  connect(to: {
    readonly address: string
    readonly port: number
    readonly from: string
  }): Promise<WorldConnection | undefined> {
    return new Promise((resolve) => {
      const socket = createConnection({ host: to.address, port: to.port, localAddress: to.from })
      this.#sockets.add(socket)
      let isOpen = true
      let server: string | undefined
      socket.on('error', () => undefined)
      socket.on('close', () => {
        isOpen = false
        resolve(undefined)
      })
      socket.on('data', (chunk) => {
        server ??= chunk.toString('utf8').trim()
        resolve({
          server,
          get isOpen() {
            return isOpen
          },
          close: () => socket.destroy(),
        })
      })
    })
  }

  startLoad(host: string): { stop(): Promise<LoadResult> } {
    const failures: string[] = []
    let succeeded = 0
    let isStopped = false
    const work = async (): Promise<void> => {
      const agent = new Agent({ keepAlive: true, maxSockets: 1 })
      while (!isStopped) {
        const { status } = await this.getHttp(host, '/', agent)
        if (status === 200) succeeded += 1
        else failures.push(`status ${status ?? 'none'}`)
      }
      agent.destroy()
    }
    const done = Promise.all(Array.from({ length: CLIENTS }, work))
    const stop = async (): Promise<LoadResult> => {
      isStopped = true
      await done
      return { succeeded, failures }
    }
    return { stop }
  }

  makeCertificate(hosts: readonly string[], key?: 'rsa:512'): Promise<TestCertificate> {
    return makeTestCertificate(hosts, key)
  }

  shownCertificate(host: string): Promise<string | undefined> {
    return new Promise((resolve) => {
      const { edgeAddress, httpsPort } = this.#tlsAddress()
      const socket = tlsConnect({
        host: edgeAddress,
        port: httpsPort,
        servername: host,
        rejectUnauthorized: false,
      })
      socket.on('secureConnect', () => {
        resolve(socket.getPeerX509Certificate()?.fingerprint256)
        socket.destroy()
      })
      socket.on('error', () => resolve(undefined))
    })
  }

  fingerprintOf(certificatePem: string): string {
    return new X509Certificate(certificatePem).fingerprint256
  }

  async holdPort(
    address: string,
    port: number,
  ): Promise<AsyncDisposable & { readonly owner: string }> {
    const server = createServer()
    await this.listen(server, address, port)
    return { owner: `(pid ${process.pid})`, [Symbol.asyncDispose]: () => this.#close(server) }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await Promise.all([...this.#open].map((server) => this.#close(server)))
  }

  #tlsAddress(): { readonly edgeAddress: string; readonly httpsPort: number } {
    return { edgeAddress: this.edgeAddress, httpsPort: this.#edge.httpsPort }
  }

  /** Over HTTP/1.1 by hand: one request line, the answer read to its end. */
  #getTls(host: string): Promise<WorldAnswer> {
    return new Promise((resolve) => {
      const { edgeAddress, httpsPort } = this.#tlsAddress()
      const socket = tlsConnect({
        host: edgeAddress,
        port: httpsPort,
        servername: host,
        rejectUnauthorized: false,
        ALPNProtocols: ['http/1.1'],
      })
      let text = ''
      socket.on('data', (chunk) => (text += chunk.toString('utf8')))
      socket.on('error', () => resolve({}))
      socket.on('end', () => {
        const [head = '', body = ''] = text.split('\r\n\r\n')
        const status = /^HTTP\/1.1 (?<status>\d+)/.exec(head)?.groups?.['status']
        resolve(toAnswer(Number(status), /x-polis-edge/i.exec(head)?.[0], body))
      })
      socket.write(`GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
    })
  }

  async #close(server: Server): Promise<void> {
    if (!this.#open.delete(server)) return
    await new Promise((resolve) => {
      server.close(resolve)
      if ('closeAllConnections' in server && typeof server.closeAllConnections === 'function') {
        server.closeAllConnections()
      }
    })
  }
}

function toAnswer(status: number | undefined, edgeMark: unknown, body: string): WorldAnswer {
  if (status === undefined || Number.isNaN(status)) return {}
  return edgeMark === undefined ? { status, server: body.trim() } : { status }
}
