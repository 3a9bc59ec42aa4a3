import type { Clock } from '@polis/lib/clock'
import { backoffMs } from '@polis/lib/backoff'
import { PolisError } from '@polis/lib/error'
import { print } from 'graphql'
import { createClient, NetworkError } from 'graphql-sse'
import type { Document } from '../graphql.ts'
import { toError } from './answer.ts'
import { send } from './transport.ts'
import { isRecord, textOf } from './unknown.ts'

export interface Installation {
  readonly url: string
  readonly token?: string | undefined
  /** PEM of the certificate authority to trust instead of the system's. */
  readonly certificateAuthority?: string | undefined
}

export interface ClientDeps {
  readonly installation: Installation
  readonly clock: Clock
  readonly version: string
  /** Aborts when the person at the keyboard has had enough. */
  readonly signal: AbortSignal
}

/** How long a stream that broke off is tried again before its reader is told. */
const PATIENCE_MS = 120_000

/** One installation's API. Every method throws the PolisError that the API answers, or Unavailable. */
export class Client {
  readonly #deps: ClientDeps

  constructor(deps: ClientDeps) {
    this.#deps = deps
  }

  get url(): string {
    return this.#deps.installation.url
  }

  /** A query's or mutation's result. */
  async ask<Result, Variables>(
    document: Document<Result, Variables>,
    variables: Variables,
  ): Promise<Result> {
    const body = JSON.stringify({ query: print(document), variables })
    const response = await this.#send('POST', 'graphql', {
      body,
      headers: {
        'content-type': 'application/json',
        'content-length': String(Buffer.byteLength(body)),
      },
    })
    const answer = await readJson(response)
    if (answer['errors'] !== undefined) throw toError(answer['errors'], 'ask')
    // The server checked the document against the schema that the types were made from.
    return answer['data'] as Result
  }

  /**
   * A subscription's results. A connection that is lost is made again, which begins the stream anew: `again` gives the
   * variables then. Ends when the stream does.
   */
  async *follow<Result, Variables extends Record<string, unknown>>(
    document: Document<Result, Variables>,
    again: () => Variables,
  ): AsyncGenerator<Result, void, undefined> {
    const { clock, signal } = this.#deps
    let failures = 0
    let lostAtMs: number | undefined
    for (;;) {
      try {
        for await (const result of this.#subscribe(document, again())) {
          failures = 0
          lostAtMs = undefined
          yield result
        }
        return
      } catch (thrown) {
        signal.throwIfAborted()
        const nowMs = clock.monotonicMs()
        lostAtMs ??= nowMs
        if (!isLost(thrown) || nowMs - lostAtMs > PATIENCE_MS) throw thrown
        failures += 1
        const options = { firstMs: 100, maxMs: 3000, random: () => Math.random() }
        await clock.sleep(backoffMs(failures, options), signal)
      }
    }
  }

  async *#subscribe<Result, Variables extends Record<string, unknown>>(
    document: Document<Result, Variables>,
    variables: Variables,
  ): AsyncGenerator<Result, void, undefined> {
    const sse = createClient({
      url: new URL('graphql', withSlash(this.url)).href,
      headers: this.#headers(),
      retryAttempts: 0,
      fetchFn: (url: string, init: FetchInit) => this.#open(new URL(url), init),
    })
    const query = print(document)
    try {
      for await (const result of sse.iterate({ query, variables })) {
        if (result.errors !== undefined) throw toError(result.errors, 'follow')
        // As above: the types were made from the schema that the server checked the document against.
        yield result.data as Result
      }
    } catch (thrown) {
      if (!(thrown instanceof NetworkError)) throw thrown
      const response: unknown = thrown.response
      if (response instanceof Response) throw await refused(response)
      throw new PolisError('Unavailable', `the connection to ${this.url} was lost`, {
        cause: thrown,
      })
    } finally {
      sse.dispose()
    }
  }

  async #open(url: URL, { method, headers, body, signal }: FetchInit): Promise<Response> {
    const both = AbortSignal.any([signal, this.#deps.signal])
    const { certificateAuthority } = this.#deps.installation
    return await send(url, { method, headers, body, signal: both }, certificateAuthority)
  }

  /** Whether the server has this blob. */
  async hasUpload(digest: string, project: string): Promise<boolean> {
    const path = `uploads/${encodeURIComponent(digest)}?project=${encodeURIComponent(project)}`
    const response = await this.#request('HEAD', path, {})
    if (response.ok) return true
    if (response.status === 404) return false
    throw await refused(response)
  }

  /** Sends a blob as it is made; returns its digest. */
  async upload(bytes: AsyncIterable<Uint8Array>, project: string): Promise<string> {
    const path = `uploads?project=${encodeURIComponent(project)}`
    const response = await this.#send('PUT', path, {
      body: bytes,
      headers: { 'content-type': 'application/x-tar' },
    })
    const digest = textOf((await readJson(response))['digest'])
    if (digest === undefined) throw new PolisError('Internal', 'the server keeps no digest')
    return digest
  }

  async #send(method: string, path: string, options: RequestOptions): Promise<Response> {
    const response = await this.#request(method, path, options)
    if (response.ok) return response
    throw await refused(response)
  }

  #request(method: string, path: string, options: RequestOptions): Promise<Response> {
    const { installation, signal } = this.#deps
    const { body } = options
    return send(
      new URL(path, withSlash(this.url)),
      {
        method,
        headers: { ...this.#headers(), ...options.headers },
        signal,
        ...(body === undefined ? {} : { body }),
      },
      installation.certificateAuthority,
    )
  }

  #headers(): Readonly<Record<string, string>> {
    const { installation, version } = this.#deps
    const { token } = installation
    return {
      'user-agent': `polis/${version}`,
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    }
  }
}

interface RequestOptions {
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | AsyncIterable<Uint8Array>
}

interface FetchInit {
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  readonly signal: AbortSignal
}

/** Worth another try: nobody answered, the server stops, or the caller's rights are settled anew. */
function isLost(thrown: unknown): boolean {
  return (
    thrown instanceof PolisError && (thrown.code === 'Unavailable' || thrown.code === 'Aborted')
  )
}

async function refused(response: Response): Promise<PolisError> {
  const answer = await readJson(response).catch(() => undefined)
  return answer === undefined
    ? new PolisError('Unavailable', `the server answers with status ${response.status}`)
    : toError(answer['errors'], 'ask')
}

async function readJson(response: Response): Promise<Readonly<Record<string, unknown>>> {
  const text = await response.text()
  try {
    const value: unknown = JSON.parse(text)
    if (isRecord(value)) return value
  } catch (cause) {
    throw new PolisError('Unavailable', 'what answers there is not Polis', { cause })
  }
  throw new PolisError('Unavailable', 'what answers there is not Polis')
}

function withSlash(url: string): string {
  return url.endsWith('/') ? url : `${url}/`
}
