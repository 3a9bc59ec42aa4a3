import { type IncomingMessage, request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { Readable } from 'node:stream'
import { PolisError } from '@polis/lib/error'

export interface HttpRequest {
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string | AsyncIterable<Uint8Array>
  readonly signal: AbortSignal
}

/**
 * One HTTP request. Unlike `fetch` it trusts the certificate authority it is given, which Polis' own is, and can send
 * a body while it is made. Throws Unavailable when nobody answers there.
 */
export function send(
  url: URL,
  { method, headers, body, signal }: HttpRequest,
  certificateAuthority: string | undefined,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted()
    const options = { method, headers, ...trust(certificateAuthority) }
    const request = url.protocol === 'https:' ? httpsRequest : httpRequest
    const outgoing = request(url, options, (incoming) => resolve(toResponse(incoming)))
    // Not node's own `signal`: it throws at nobody when the answer has been read already.
    const onAbort = (): void => {
      outgoing.destroy()
      reject(signal.reason)
    }
    signal.addEventListener('abort', onAbort)
    outgoing.on('close', () => signal.removeEventListener('abort', onAbort))
    outgoing.on('error', (cause: NodeJS.ErrnoException) => {
      reject(signal.aborted ? signal.reason : toUnavailable(cause, url))
    })
    if (body === undefined || typeof body === 'string') outgoing.end(body)
    else {
      const source = Readable.from(body)
      source.on('error', (error) => outgoing.destroy(error))
      source.pipe(outgoing)
    }
  })
}

function trust(certificateAuthority: string | undefined): { readonly ca?: string } {
  return certificateAuthority === undefined ? {} : { ca: certificateAuthority }
}

function toResponse(incoming: IncomingMessage): Response {
  const { statusCode = 500, headers } = incoming
  const shown = new Headers()
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) shown.set(name, String(value))
  }
  const hasBody = statusCode !== 204 && statusCode !== 304
  return new Response(hasBody ? toStream(incoming) : null, {
    status: statusCode,
    headers: shown,
  })
}

/** The adapters that node has for this belong to another set of types. */
function toStream(incoming: IncomingMessage): ReadableStream<Uint8Array> {
  // Also after the reader has left, when an abort ends what is left of it.
  incoming.on('error', () => undefined)
  const chunks: AsyncIterator<unknown, void> = incoming[Symbol.asyncIterator]()
  return new ReadableStream<Uint8Array>({
    pull: async (controller) => {
      const next = await chunks.next()
      if (next.done === true) controller.close()
      else if (next.value instanceof Uint8Array) controller.enqueue(next.value)
    },
    cancel: () => {
      incoming.destroy()
    },
  })
}

function toUnavailable(cause: NodeJS.ErrnoException, url: URL): PolisError {
  if (cause instanceof PolisError) return cause
  const isUntrusted =
    cause.code?.includes('CERT') === true || cause.code?.includes('SIGNED') === true
  return isUntrusted
    ? new PolisError(
        'Unauthenticated',
        `${url.origin} has a certificate that is not trusted here`,
        {
          hint: 'give the context its certificate authority: polis context add NAME URL --ca FILE',
          cause,
        },
      )
    : new PolisError('Unavailable', `no Polis answers at ${url.origin}`, {
        hint: 'start it with `npm start`, or choose another installation with `polis context use`',
        cause,
      })
}
