// What the conformance suite sees around an edge: servers behind it, clients in front of it. Each adapter brings its own.

/** A server behind the edge, alone on its address. */
export interface WorldServer {
  readonly name: string
  readonly address: string
  /** Answers every request with its name as the body. */
  readonly httpPort: number
  /** Says its name on every connection and keeps it open. */
  readonly tcpPort: number
  /** Requests and connections it got so far. */
  countHits(): number
  /** From now on connections to it are refused. */
  stop(): Promise<void>
}

/** What a client got; no status: no answer at all. */
export interface WorldAnswer {
  readonly status?: number
  /** Name of the server that answered; absent when the edge answered by itself. */
  readonly server?: string
}

/** A request that its server has, and has not answered yet. */
export interface SlowRequest {
  readonly server: string
  /** Lets the server answer, and resolves with what the client got. */
  finish(): Promise<WorldAnswer>
}

/** An open connection; `server` is who said its name on it. */
export interface WorldConnection {
  readonly server: string
  readonly isOpen: boolean
  close(): void
}

export interface LoadResult {
  readonly succeeded: number
  /** In words, one for each request that failed. */
  readonly failures: readonly string[]
}

export interface EdgeWorld {
  /** Two addresses that connections to the gateway can come from. */
  readonly sources: readonly [string, string]
  /** As the device's parameter of that name. */
  readonly gatewayAddress: string
  /** An address of the node other than the gateway's and the loopback's first. */
  readonly otherAddress: string
  startServer(name: string): Promise<WorldServer>
  /** A TCP port that nothing listens on, never given before. */
  freePort(): Promise<number>
  /** One request on a connection of its own. */
  get(request: { readonly host: string; readonly isTls?: boolean }): Promise<WorldAnswer>
  getSlowly(host: string): Promise<SlowRequest>
  /** Undefined when it is refused, or ended before any server spoke. */
  connect(to: {
    readonly address: string
    readonly port: number
    readonly from: string
  }): Promise<WorldConnection | undefined>
  /** Requests one after the other on several kept-alive connections, until stopped. */
  startLoad(host: string): { stop(): Promise<LoadResult> }
  /** A self-signed certificate, other than any before. */
  makeCertificate(
    hosts: readonly string[],
  ): Promise<{ readonly certificatePem: string; readonly privateKeyPem: string }>
  /** The certificate that a TLS client is shown for a host, as a fingerprint; undefined when it is refused. */
  shownCertificate(host: string): Promise<string | undefined>
  fingerprintOf(certificatePem: string): string
  /** A foreign program that listens there; `owner` is a word of how it must be named. */
  holdPort(address: string, port: number): Promise<AsyncDisposable & { readonly owner: string }>
}
