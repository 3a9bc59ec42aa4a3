// The registry's own API: https://github.com/distribution/distribution/blob/v2.8.2/docs/spec/api.md
import { type IncomingHttpHeaders, type IncomingMessage } from 'node:http'
import { request } from 'node:https'
import { text } from 'node:stream/consumers'
import { PolisError } from '@polis/lib/error'
import { z } from 'zod'
import type { TrustFiles } from './trust.ts'

const MANIFESTS = [
  'application/vnd.docker.distribution.manifest.v2+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.oci.image.index.v1+json',
].join(', ')

const ANSWER_MS = 10_000
const Catalog = z.object({ repositories: z.array(z.string()).nullish() })
const Tags = z.object({ tags: z.array(z.string()).nullish() })

interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

export class RegistryClient {
  readonly #address: string
  readonly #identity: TrustFiles

  /** `address` is `host:port`. */
  constructor(address: string, identity: TrustFiles) {
    this.#address = address
    this.#identity = identity
  }

  /** Throws Unavailable unless the registry serves and lets us in. */
  async ping(signal: AbortSignal): Promise<void> {
    const { status } = await this.#ask('GET', '/v2/', signal)
    if (status !== 200) throw new PolisError('Unavailable', `the registry answers ${status}`)
  }

  async *repositories(signal: AbortSignal): AsyncGenerator<string> {
    for await (const body of this.#pages('/v2/_catalog?n=500', signal)) {
      yield* Catalog.parse(JSON.parse(body)).repositories ?? []
    }
  }

  async *tags(repository: string, signal: AbortSignal): AsyncGenerator<string> {
    for await (const body of this.#pages(`/v2/${repository}/tags/list?n=500`, signal)) {
      yield* Tags.parse(JSON.parse(body)).tags ?? []
    }
  }

  /** Digest of the manifest a tag stands for; undefined when there is none. */
  async findDigest(
    repository: string,
    tag: string,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const { status, headers } = await this.#ask(
      'HEAD',
      `/v2/${repository}/manifests/${tag}`,
      signal,
    )
    if (status === 404) return undefined
    const digest = headers['docker-content-digest']
    if (status === 200 && typeof digest === 'string') return digest
    throw new PolisError('Unavailable', `the registry answers ${status} for ${repository}:${tag}`)
  }

  /** Safe to repeat. */
  async removeManifest(repository: string, digest: string, signal: AbortSignal): Promise<void> {
    const { status } = await this.#ask('DELETE', `/v2/${repository}/manifests/${digest}`, signal)
    if (status === 202 || status === 404) return
    throw new PolisError('Unavailable', `the registry answers ${status} to the removal`)
  }

  /** Follows the `Link` header from page to page. A repository that is gone has none. */
  async *#pages(first: string, signal: AbortSignal): AsyncGenerator<string> {
    for (let path: string | undefined = first; path !== undefined;) {
      const answer: Answer = await this.#ask('GET', path, signal)
      if (answer.status === 404) return
      if (answer.status !== 200) {
        throw new PolisError('Unavailable', `the registry answers ${answer.status}`)
      }
      yield answer.body
      const link = String(answer.headers['link'] ?? '')
      path = /^<(?<next>[^>]+)>;\s*rel="next"/.exec(link)?.groups?.['next']
    }
  }

  async #ask(method: string, path: string, signal: AbortSignal): Promise<Answer> {
    signal.throwIfAborted()
    const { certificatePem: cert, privateKeyPem: key, caPem: ca } = this.#identity
    const [host = '', port = ''] = this.#address.split(':')
    const either = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)])
    const options = { host, port, path, method, cert, key, ca, agent: false, signal: either }
    try {
      const response = await new Promise<IncomingMessage>((resolve, reject) => {
        const asked = request({ ...options, headers: { accept: MANIFESTS } }, resolve)
        asked.once('error', reject)
        asked.end()
      })
      const body = await text(response)
      return { status: response.statusCode ?? 0, headers: response.headers, body }
    } catch (cause) {
      signal.throwIfAborted()
      throw new PolisError('Unavailable', 'the registry does not answer', { cause })
    }
  }
}
