// The Engine API over a unix socket: requests, streams and upgrades. What they mean is for the verbs beside this file.
import { request as httpRequest, type ClientRequest, type IncomingMessage } from 'node:http'
import { addAbortSignal, pipeline, type Duplex, type Readable } from 'node:stream'
import { PolisError } from '@polis/lib/error'
import { z } from 'zod'
import { fromSocketError, fromStatus, fromStreamMessage } from './errors.ts'
import { splitLines } from './streams.ts'

/** Docker 20.10's API: the oldest engine that is supported speaks it, and so do newer ones up to 28. */
const PREFERRED_API = '1.41'

type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE'

export interface RequestOptions {
  readonly signal: AbortSignal
  /** A list is sent as the same parameter many times. */
  readonly query?: Readonly<
    Record<string, string | number | boolean | readonly string[] | undefined>
  >
  /** The `filters` parameter of list and event calls: `{ label: ['a=b'] }`. */
  readonly filters?: Readonly<Record<string, readonly string[]>>
  /** Sent as JSON. */
  readonly json?: unknown
  /** Sent as it is (a tar archive, say) instead of `json`. */
  readonly upload?: Readable | Uint8Array
  readonly headers?: Readonly<Record<string, string>>
}

interface ParsedOptions<T> extends RequestOptions {
  readonly schema: z.ZodType<T>
}

const Versions = z.object({
  Version: z.string(),
  ApiVersion: z.string(),
  MinAPIVersion: z.string().optional(),
})

const Failure = z.object({ message: z.string() })
const StreamFailure = z.object({ error: z.string() })

function isOlder(version: string, than: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const [thanMajor = 0, thanMinor = 0] = than.split('.').map(Number)
  return major < thanMajor || (major === thanMajor && minor < thanMinor)
}

function chooseApi({ Version, ApiVersion, MinAPIVersion }: z.infer<typeof Versions>): string {
  if (isOlder(ApiVersion, PREFERRED_API)) {
    throw new PolisError('FailedPrecondition', `Docker ${Version} is too old`, {
      hint: 'install Docker 20.10 or newer',
    })
  }
  if (MinAPIVersion === undefined || !isOlder(PREFERRED_API, MinAPIVersion)) return PREFERRED_API
  return MinAPIVersion
}

/** A request's path with each value encoded: dockerPath`/containers/${name}/json`. */
export function dockerPath(parts: TemplateStringsArray, ...values: readonly string[]): string {
  return String.raw({ raw: parts }, ...values.map((value) => encodeURIComponent(value)))
}

function toQuery({ query = {}, filters }: RequestOptions): string {
  const pairs = new URLSearchParams()
  for (const [key, value] of Object.entries(query)) {
    const values = Array.isArray(value) ? value : [value]
    for (const one of values) if (one !== undefined) pairs.append(key, String(one))
  }
  if (filters !== undefined) pairs.append('filters', JSON.stringify(filters))
  return pairs.size === 0 ? '' : `?${pairs.toString()}`
}

async function readText(source: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of source) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}

function parseJson<T>(text: string, schema: z.ZodType<T>, asked: string): T {
  try {
    return schema.parse(JSON.parse(text))
  } catch (cause) {
    throw new PolisError('Internal', `Docker's answer to ${asked} is not understood`, { cause })
  }
}

/** The words of a failed answer; anything else than Docker's JSON is shown as it came. */
function toMessage(text: string): string {
  try {
    return Failure.parse(JSON.parse(text)).message
  } catch {
    return text.trim().slice(0, 500)
  }
}

/**
 * One engine. Connections are made for each request, so it outlives restarts and exchanges of dockerd.
 * Every call throws PolisError (codes: `errors.ts`), or its signal's reason when that aborts.
 */
export class DockerClient {
  readonly #socketPath: string
  #apiVersion: string | undefined

  constructor(options: { readonly socketPath: string }) {
    this.#socketPath = options.socketPath
  }

  /** Asks and parses the JSON answer. */
  async request<T>(method: Method, path: string, options: ParsedOptions<T>): Promise<T> {
    const response = await this.open(method, path, options)
    const asked = `${method} ${path}`
    return parseJson(await this.#read(response, options.signal, asked), options.schema, asked)
  }

  /** Asks and ignores what the answer says beyond success; 304, nothing to change, is one. */
  async send(method: Method, path: string, options: RequestOptions): Promise<void> {
    const response = await this.open(method, path, options)
    await this.#read(response, options.signal, `${method} ${path}`)
  }

  /** Asks and hands over the answer's body as it comes: an archive, logs. The caller reads it or destroys it. */
  async open(method: Method, path: string, options: RequestOptions): Promise<IncomingMessage> {
    const versioned = `/v${await this.#negotiate(options.signal)}${path}`
    return this.#ask(method, versioned, options)
  }

  /**
   * Asks and gives each JSON line of the answer; a line that tells an error is thrown.
   * The request is made when this resolves; leaving the loop ends it.
   */
  async lines<T>(
    method: Method,
    path: string,
    options: ParsedOptions<T>,
  ): Promise<AsyncIterable<T>> {
    const response = await this.open(method, path, options)
    return this.#parseLines(response, options, `${method} ${path}`)
  }

  /** Asks for a raw connection in both directions, as exec and attach use. The caller ends it. */
  async upgrade(path: string, options: RequestOptions): Promise<Duplex> {
    const versioned = `/v${await this.#negotiate(options.signal)}${path}`
    const headers = { ...options.headers, connection: 'Upgrade', upgrade: 'tcp' }
    const asked = `POST ${path}`
    const outgoing = this.#start('POST', versioned, { ...options, headers })
    return new Promise((resolve, reject) => {
      outgoing.on('upgrade', (_response, socket: Duplex, head) => {
        if (head.length > 0) socket.unshift(head)
        // The request's own signal has no say any more once the socket was handed over.
        resolve(addAbortSignal(options.signal, socket))
      })
      outgoing.on('response', (response) => {
        this.#refuse(response, options.signal, asked).catch(reject)
      })
      outgoing.on('error', (error) => reject(fromSocketError(error, asked)))
    })
  }

  /** Throws Unavailable unless the engine serves. */
  async ping(signal: AbortSignal): Promise<void> {
    const response = await this.#ask('GET', '/_ping', { signal })
    await this.#read(response, signal, 'GET /_ping')
  }

  /** The engine's own version, `20.10.24` for example. */
  async engineVersion(signal: AbortSignal): Promise<string> {
    return (await this.#versions(signal)).Version
  }

  async #versions(signal: AbortSignal): Promise<z.infer<typeof Versions>> {
    const response = await this.#ask('GET', '/version', { signal })
    const text = await this.#read(response, signal, 'GET /version')
    return parseJson(text, Versions, 'GET /version')
  }

  async #negotiate(signal: AbortSignal): Promise<string> {
    this.#apiVersion ??= chooseApi(await this.#versions(signal))
    return this.#apiVersion
  }

  #start(method: Method, path: string, options: RequestOptions): ClientRequest {
    const { signal, json, upload, headers } = options
    const body = json === undefined ? undefined : Buffer.from(JSON.stringify(json))
    const type = upload === undefined ? 'application/json' : 'application/x-tar'
    const outgoing = httpRequest({
      agent: false,
      headers: { host: 'docker', 'content-type': type, ...headers },
      method,
      path: `${path}${toQuery(options)}`,
      signal,
      socketPath: this.#socketPath,
    })
    if (upload === undefined || upload instanceof Uint8Array) outgoing.end(body ?? upload)
    // An error of either side reaches the caller through `outgoing`.
    else pipeline(upload, outgoing, (error) => error && outgoing.destroy(error))
    return outgoing
  }

  #ask(method: Method, path: string, options: RequestOptions): Promise<IncomingMessage> {
    const asked = `${method} ${path}`
    return new Promise((resolve, reject) => {
      options.signal.throwIfAborted()
      const outgoing = this.#start(method, path, options)
      outgoing.on('response', (response) => {
        const status = response.statusCode ?? 0
        if ((status >= 200 && status < 300) || status === 304) resolve(response)
        else this.#refuse(response, options.signal, asked).catch(reject)
      })
      outgoing.on('error', (error) => reject(fromSocketError(error, asked)))
    })
  }

  async #refuse(response: IncomingMessage, signal: AbortSignal, asked: string): Promise<never> {
    const message = toMessage(await this.#read(response, signal, asked))
    if (/client version \S+ is too (?:old|new)/.test(message)) {
      // The engine was exchanged for one that speaks other versions: the next call asks which.
      this.#apiVersion = undefined
      throw new PolisError('Unavailable', 'Docker was exchanged for another version')
    }
    throw fromStatus(response.statusCode ?? 0, message, asked)
  }

  async #read(response: IncomingMessage, signal: AbortSignal, asked: string): Promise<string> {
    try {
      return await readText(response)
    } catch (error) {
      signal.throwIfAborted()
      throw fromSocketError(error, asked)
    }
  }

  async *#parseLines<T>(
    response: IncomingMessage,
    { schema, signal }: ParsedOptions<T>,
    asked: string,
  ): AsyncGenerator<T> {
    try {
      for await (const line of splitLines(response)) {
        const failure = StreamFailure.safeParse(parseJson(line, z.unknown(), asked))
        if (failure.success) throw fromStreamMessage(failure.data.error, asked)
        yield parseJson(line, schema, asked)
      }
    } catch (error) {
      signal.throwIfAborted()
      throw error instanceof PolisError ? error : fromSocketError(error, asked)
    } finally {
      response.destroy()
    }
  }
}
