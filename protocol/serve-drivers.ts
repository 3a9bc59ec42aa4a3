import type { ConnectRouter } from '@connectrpc/connect'
import type { AnyContract } from '@polis/hal/contract'
import { DEVICE_CLASSES, type DeviceClass } from '@polis/hal/driver'
import { contracts, type Devices } from '@polis/hal/ports'
import { PolisError } from '@polis/lib/error'
import { z } from 'zod'
import { toConnectError } from './errors.ts'
import {
  type CallRequest,
  type DescribeResponseSchema,
  DriverService,
  type OpenRequest,
} from './gen/polis/agent/v1/agent_pb.js'
import { decodePayload, encodePayload } from './payload.ts'
import { streamWithRequestIdOf, withRequestIdOf } from './request-id.ts'
import type { MessageInitShape } from '@bufbuild/protobuf'

export interface ServeDriversOptions {
  readonly devices: Devices
  /** Uid of the node whose devices these are. */
  readonly nodeUid: string
  readonly describe: () => MessageInitShape<typeof DescribeResponseSchema>
  /** Told of every failed call, as part of its request, with the causes that its caller does not get to see. */
  readonly onFailure: (what: string, thrown: unknown) => void
}

type Call = CallRequest | OpenRequest
type AnyPort = Readonly<Record<string, (input: unknown, signal: AbortSignal) => unknown>>

const Parameters = z.record(z.string(), z.unknown())

/**
 * Serves every port of `devices` on a connection, by the contracts of their classes. A class or method that this
 * build does not know is Unimplemented; an input that does not fit is InvalidArgument with each path.
 */
export function serveDrivers(router: ConnectRouter, options: ServeDriversOptions): void {
  const { devices, nodeUid, describe, onFailure } = options

  // The method is run by whoever gets this, so that nothing of a driver runs outside the request's context.
  function prepare(call: Call, type: 'unary' | 'streaming', signal: AbortSignal): () => unknown {
    const deviceClass = toDeviceClass(call.deviceClass)
    const contract: AnyContract = contracts[deviceClass]
    const shape = Object.hasOwn(contract, call.method) ? contract[call.method] : undefined
    if (shape?.type !== type) throw unknownHere(`${deviceClass} has no ${type} "${call.method}"`)
    const input = decodePayload(shape.input, call.input, 'the input', 'InvalidArgument')
    const { driver = '', uid = '', name = '', parameters } = call.device ?? {}
    const address = {
      nodeUid,
      driver,
      uid,
      name,
      parameters: decodePayload(
        Parameters,
        parameters ?? encodePayload({}),
        'parameters',
        'InvalidArgument',
      ),
    }
    return () => {
      const port = devices.port(deviceClass, address) as unknown as AnyPort
      const method = port[call.method]
      if (method === undefined) {
        throw unknownHere(`driver "${driver}" does not do "${call.method}" yet`)
      }
      return method.call(port, input, signal)
    }
  }

  function failure(headers: Headers, call: Call, thrown: unknown, signal: AbortSignal): Error {
    const what = `${call.deviceClass}.${call.method} of ${call.device?.name ?? 'no device'}`
    if (!signal.aborted) withRequestIdOf(headers, () => onFailure(what, thrown))
    return toConnectError(thrown, what)
  }

  router.service(DriverService, {
    describe,

    async call(request, { requestHeader, signal }) {
      try {
        const run = prepare(request, 'unary', signal)
        const output = await withRequestIdOf(requestHeader, async () => run())
        return { output: encodePayload(output) }
      } catch (thrown) {
        throw failure(requestHeader, request, thrown, signal)
      }
    },

    async *open(request, { requestHeader, signal }) {
      try {
        const run = prepare(request, 'streaming', signal)
        const open = (): AsyncIterable<unknown> => run() as AsyncIterable<unknown>
        for await (const item of streamWithRequestIdOf(requestHeader, signal, open)) {
          yield { item: encodePayload(item) }
        }
      } catch (thrown) {
        throw failure(requestHeader, request, thrown, signal)
      }
    },
  })
}

function toDeviceClass(text: string): DeviceClass {
  const deviceClass = DEVICE_CLASSES.find((known) => known === text)
  if (deviceClass === undefined) throw unknownHere(`device class "${text}" is not known`)
  return deviceClass
}

function unknownHere(message: string): PolisError {
  return new PolisError('Unimplemented', message, { hint: 'upgrade Polis on this node' })
}
