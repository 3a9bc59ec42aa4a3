import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2'
import { type ConnectRouter, createConnectRouter } from '@connectrpc/connect'
import {
  universalRequestFromNodeRequest,
  universalResponseToNodeResponse,
} from '@connectrpc/connect-node'

/** No message of this protocol is larger; bulk travels in chunks. */
export const MAX_MESSAGE_BYTES = 64 * 1024 * 1024

/**
 * Answers HTTP/2 requests by `routes`. In place of Connect's own adapter, which prints to the console each time that a
 * peer hangs up while it is being written to.
 */
export function createRequestHandler(
  routes: (router: ConnectRouter) => void,
): (request: Http2ServerRequest, response: Http2ServerResponse) => void {
  const router = createConnectRouter({
    grpc: false,
    grpcWeb: false,
    // Inside one data centre compressing costs more time than it saves.
    acceptCompression: [],
    readMaxBytes: MAX_MESSAGE_BYTES,
    writeMaxBytes: MAX_MESSAGE_BYTES,
  })
  routes(router)
  const handlers = new Map(router.handlers.map((handler) => [handler.requestPath, handler]))
  return (request, response) => {
    const handler = handlers.get(request.url)
    if (handler === undefined) {
      response.writeHead(404).end()
      return
    }
    handler(universalRequestFromNodeRequest(request, response, undefined, undefined))
      .then((answer) => universalResponseToNodeResponse(answer, response))
      // Methods report their own failures; what is left is a peer that went away.
      .catch(() => response.stream.destroy())
  }
}
