import { createHash } from 'node:crypto'
import { type CallOptions, createClient, type Transport } from '@connectrpc/connect'
import type { EnrolledNode, EnrolRequest, IssuedCertificate } from '@polis/hal/enrolment'
import type { Clock } from '@polis/lib/clock'
import { PolisError } from '@polis/lib/error'
import { ALPN } from './alpn.ts'
import { dial, type DialOptions } from './dial.ts'
import { fromConnectError } from './errors.ts'
import { BlobService, EnrolmentService } from './gen/polis/agent/v1/agent_pb.js'
import { type CallingSession, callOver } from './http2-session.ts'
import { encodePayload } from './payload.ts'
import { requestIdHeaders } from './request-id.ts'

export interface KernelClientDeps {
  /** Asked at each call: certificates are renewed meanwhile. */
  readonly dialOptions: () => Omit<DialOptions, 'alpn'>
  readonly clock: Clock
}

const KERNEL = 'the server'

/**
 * What a node asks the kernel. Each question has a connection of its own, so that a blob under way delays nothing and
 * nothing is kept open between them.
 */
export class KernelClient {
  readonly #deps: KernelClientDeps

  constructor(deps: KernelClientDeps) {
    this.#deps = deps
  }

  /** See EnrolmentAuthority.enrol. */
  enrol(request: EnrolRequest, signal: AbortSignal): Promise<EnrolledNode> {
    const { secret, certificateRequestPem: certificateRequest, facts } = request
    return this.#ask(signal, async (transport, options) => {
      const client = createClient(EnrolmentService, transport)
      const message = { secret, certificateRequest, facts: encodePayload(facts) }
      const node = await client.enrol(message, options)
      const { nodeUid, nodeName, installationUid } = node
      return { ...toIssued(node), nodeUid, nodeName, installationUid }
    })
  }

  /** See EnrolmentAuthority.renew. */
  renew(certificateRequestPem: string, signal: AbortSignal): Promise<IssuedCertificate> {
    return this.#ask(signal, async (transport, options) => {
      const client = createClient(EnrolmentService, transport)
      return toIssued(await client.renew({ certificateRequest: certificateRequestPem }, options))
    })
  }

  /** See EnrolmentAuthority.issueDeviceCertificate. */
  issueDeviceCertificate(
    request: {
      readonly deviceUid: string
      readonly names: readonly string[]
      readonly certificateRequestPem: string
    },
    signal: AbortSignal,
  ): Promise<IssuedCertificate> {
    const { deviceUid, names, certificateRequestPem: certificateRequest } = request
    return this.#ask(signal, async (transport, options) => {
      const client = createClient(EnrolmentService, transport)
      const message = { deviceUid, names: [...names], certificateRequest }
      return toIssued(await client.issueDeviceCertificate(message, options))
    })
  }

  /**
   * The bytes of a blob. Resolves when the first have come, so that NotFound is thrown here and not while reading.
   * Reading fails with Unavailable when the connection breaks, and with Internal when the bytes are not those of the
   * digest; cancelling the stream, or aborting the signal, ends the transfer.
   */
  async openBlob(digest: string, signal: AbortSignal): Promise<ReadableStream<Uint8Array>> {
    const visit = await this.#visit(signal)
    const client = createClient(BlobService, visit.transport)
    const chunks = client.openBlob({ digest }, visit.options)[Symbol.asyncIterator]()
    const hash = createHash('sha256')
    const read = async (): Promise<Uint8Array | undefined> => {
      try {
        const next = await chunks.next()
        if (next.done !== true) {
          hash.update(next.value.chunk)
          return next.value.chunk
        }
      } catch (thrown) {
        throw visit.failed(thrown)
      }
      visit.end()
      if (`sha256:${hash.digest('hex')}` === digest) return undefined
      throw new PolisError('Internal', `what came is not blob ${digest}`)
    }
    let ahead: { readonly chunk: Uint8Array | undefined } | undefined = { chunk: await read() }
    return new ReadableStream<Uint8Array>({
      pull: async (controller) => {
        const { chunk } = ahead ?? { chunk: await read() }
        ahead = undefined
        if (chunk === undefined) controller.close()
        else controller.enqueue(chunk)
      },
      cancel: () => visit.end(),
    })
  }

  async #ask<T>(
    signal: AbortSignal,
    question: (transport: Transport, options: CallOptions) => Promise<T>,
  ): Promise<T> {
    const visit = await this.#visit(signal)
    try {
      const answer = await question(visit.transport, visit.options)
      visit.end()
      return answer
    } catch (thrown) {
      throw visit.failed(thrown)
    }
  }

  async #visit(signal: AbortSignal): Promise<Visit> {
    const { dialOptions, clock } = this.#deps
    const socket = await dial({ ...dialOptions(), alpn: ALPN.calls }, signal)
    return new Visit(callOver(socket, clock), signal)
  }
}

/** A connection for one question. */
class Visit {
  readonly options: CallOptions = { headers: requestIdHeaders() }
  readonly #connection: CallingSession
  readonly #signal: AbortSignal
  readonly #onAbort = (): void => this.end()

  constructor(connection: CallingSession, signal: AbortSignal) {
    this.#connection = connection
    this.#signal = signal
    if (signal.aborted) this.end()
    else signal.addEventListener('abort', this.#onAbort, { once: true })
  }

  get transport(): Transport {
    return this.#connection.transport
  }

  end(): void {
    this.#signal.removeEventListener('abort', this.#onAbort)
    this.#connection.close(new PolisError('Canceled', 'nothing more to ask'))
  }

  /** Ends the visit; what to throw for it. */
  failed(thrown: unknown): unknown {
    this.end()
    return this.#signal.aborted ? this.#signal.reason : fromConnectError(thrown, KERNEL)
  }
}

function toIssued(message: {
  readonly certificate: string
  readonly certificateAuthorities: string
}): IssuedCertificate {
  return { certificatePem: message.certificate, caPem: message.certificateAuthorities }
}
