import { type CallOptions, type Client, Code, ConnectError } from '@connectrpc/connect'
import type { AnyContract, Contract, Streaming, Unary } from '@polis/hal/contract'
import type { DeviceClass } from '@polis/hal/driver'
import type { DeviceAddress } from '@polis/hal/ports'
import { CallStreams } from './call-streams.ts'
import { fromConnectError } from './errors.ts'
import type { DriverService } from './gen/polis/agent/v1/agent_pb.js'
import { decodePayload, encodePayload } from './payload.ts'
import { requestIdHeaders } from './request-id.ts'

type DriverClient = Client<typeof DriverService>

/** The way to one peer's drivers, asked for at each call. Each throws Unavailable while there is none. */
export interface DriverPeer {
  /** In words, for errors: `node web-1`. */
  readonly name: string
  readonly forCalls: () => DriverClient
  /** For streams, which may carry much. */
  readonly forStreams: () => DriverClient
}

/**
 * The port of a device that another program hosts, made from its class's contract alone. Calls throw what the driver
 * threw (code, path, message, hint, problems), or Unavailable when the connection broke; an aborted signal aborts the
 * driver's signal and throws its reason here.
 */
export function remotePort<Port>(
  deviceClass: DeviceClass,
  contract: Contract<Port>,
  peer: DriverPeer,
  address: DeviceAddress,
): Port {
  const shapes = contract as unknown as AnyContract
  const device = new RemoteDevice(deviceClass, peer, address)
  const methods = Object.entries(shapes).map(([method, shape]) => [
    method,
    shape.type === 'unary'
      ? (input: unknown, signal: AbortSignal) => device.call(method, shape, input, signal)
      : (input: unknown, signal: AbortSignal) => device.open(method, shape, input, signal),
  ])
  return Object.fromEntries(methods) as Port
}

class RemoteDevice {
  readonly #deviceClass: DeviceClass
  readonly #peer: DriverPeer
  readonly #device: {
    driver: string
    uid: string
    name: string
    parameters: Uint8Array<ArrayBuffer>
  }

  constructor(deviceClass: DeviceClass, peer: DriverPeer, address: DeviceAddress) {
    const { driver, uid, name, parameters } = address
    this.#deviceClass = deviceClass
    this.#peer = peer
    this.#device = { driver, uid, name, parameters: encodePayload(parameters) }
  }

  async call(
    method: string,
    shape: Unary<unknown, unknown>,
    input: unknown,
    signal: AbortSignal,
  ): Promise<unknown> {
    signal.throwIfAborted()
    const call = new OneCall(signal)
    try {
      const client = this.#peer.forCalls()
      const request = this.#request(method, input)
      const { output } = await call.during(() => client.call(request, call.options()))
      return decodePayload(shape.output, output, this.#answerOf(method), 'Internal')
    } catch (thrown) {
      signal.throwIfAborted()
      throw fromConnectError(thrown, this.#peer.name)
    } finally {
      call.end()
    }
  }

  async *open(
    method: string,
    shape: Streaming<unknown, unknown>,
    input: unknown,
    signal: AbortSignal,
  ): AsyncGenerator<unknown, void, undefined> {
    signal.throwIfAborted()
    const call = new OneCall(signal)
    try {
      const client = this.#peer.forStreams()
      const request = this.#request(method, input)
      const responses = call.during(() => client.open(request, call.options()))
      const iterator = responses[Symbol.asyncIterator]()
      for (;;) {
        const next = await iterator.next()
        if (next.done === true) return
        yield decodePayload(shape.item, next.value.item, this.#answerOf(method), 'Internal')
      }
    } catch (thrown) {
      signal.throwIfAborted()
      throw fromConnectError(thrown, this.#peer.name)
    } finally {
      // Also when the reader has had enough: nothing else tells the peer to stop.
      call.abort()
      call.end()
    }
  }

  #request(method: string, input: unknown) {
    return {
      device: this.#device,
      deviceClass: this.#deviceClass,
      method,
      input: encodePayload(input),
    }
  }

  #answerOf(method: string): string {
    return `the answer of ${this.#peer.name} to ${this.#deviceClass}.${method}`
  }
}

/**
 * One call under a signal that lives longer. Connect leaves a listener on the signal it is given, and on a
 * controller's own that would be one for each call ever made.
 */
class OneCall {
  readonly #controller = new AbortController()
  readonly #streams = new CallStreams()
  readonly #signal: AbortSignal
  readonly #onAbort = (): void => this.abort()

  constructor(signal: AbortSignal) {
    this.#signal = signal
    signal.addEventListener('abort', this.#onAbort, { once: true })
  }

  options(): CallOptions {
    return { signal: this.#controller.signal, headers: requestIdHeaders() }
  }

  during<T>(work: () => T): T {
    return this.#streams.during(work)
  }

  abort(): void {
    // Any other reason would reach the peer as a stream that broke, not as one that was cancelled.
    this.#controller.abort(new ConnectError('cancelled', Code.Canceled))
  }

  end(): void {
    this.#signal.removeEventListener('abort', this.#onAbort)
    this.#streams.release()
  }
}
