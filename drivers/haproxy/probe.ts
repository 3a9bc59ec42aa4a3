import { request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { TLSSocket } from 'node:tls'
import type { ProbeRequest, ProbeResult } from '@polis/hal/ingress'

const ANSWER_WITHIN_MS = 15_000
const EDGE_MARK = 'x-polis-edge'

/** One GET to a listener of this node. Every failure is a result in words; only the caller's abort throws. */
export async function probeListener(
  asked: ProbeRequest,
  listener: { readonly address: string; readonly port: number },
  signal: AbortSignal,
): Promise<ProbeResult> {
  signal.throwIfAborted()
  try {
    const within = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_WITHIN_MS)])
    const answer = await get(asked, listener, within)
    const status = answer.statusCode ?? 0
    const mark = answer.headers[EDGE_MARK]
    const trust = distrustOf(answer)
    answer.destroy()
    const words =
      mark === undefined ? `status ${status}` : `status ${status} by the edge: ${String(mark)}`
    return { status, isFromEndpoint: mark === undefined, message: `${words}${trust}` }
  } catch (cause) {
    signal.throwIfAborted()
    const message = cause instanceof Error ? cause.message : 'no answer'
    return { isFromEndpoint: false, message }
  }
}

function get(
  { host, path, isTls }: ProbeRequest,
  listener: { readonly address: string; readonly port: number },
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const options = {
    host: listener.address,
    port: listener.port,
    path,
    headers: { host, 'user-agent': 'polis-probe' },
    agent: false,
    signal,
  } as const
  return new Promise((resolve, reject) => {
    // A certificate that nobody trusts is told in words: the route is what is probed.
    const request = isTls
      ? httpsRequest({ ...options, servername: host, rejectUnauthorized: false })
      : httpRequest(options)
    request.on('response', resolve)
    request.on('error', reject)
    request.end()
  })
}

function distrustOf({ socket }: IncomingMessage): string {
  if (!(socket instanceof TLSSocket) || socket.authorized) return ''
  return `; its certificate is not trusted: ${String(socket.authorizationError)}`
}
