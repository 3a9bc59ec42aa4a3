import type {
  AppliedTable,
  EdgeTable,
  IngressPort,
  PortOwner,
  ProbeRequest,
  ProbeResult,
} from '@polis/hal/ingress'
import type { Driver, DriverHost, DriverManifest, Nothing, ObservedDevice } from '@polis/hal/driver'
import { PolisError } from '@polis/lib/error'
import { z } from 'zod'
import { HaproxyParameters, parseParameters } from './config.ts'
import { Edge } from './edge.ts'
import { type Launch, launchDetached } from './launch.ts'
import { layoutOf } from './layout.ts'
import { Master, type RunningEdge } from './master.ts'
import { countUnderWay } from './observed.ts'
import { reachableAddress, serverPrefix } from './plan.ts'
import { probeListener } from './probe.ts'
import { speakToOldWorker, speakToWorker } from './worker.ts'

export interface HaproxyDriverDeps {
  /** Default: `haproxy`, found by PATH. */
  readonly program?: string
  /** How HAProxy is started so that it outlives the agent. Default: detached, in a session of its own. */
  readonly launch?: Launch
}

const IDLE_LOOK_EVERY_MS = 100

const manifest: DriverManifest = {
  name: 'haproxy',
  class: 'ingress',
  version: '0.1.0',
  summary:
    "The node's edge: domains, ports and the gateway by one HAProxy that never drops a request for a change",
  parameters: z.toJSONSchema(HaproxyParameters, { io: 'input' }),
  capabilities: {},
}

/** The edge by HAProxy 2.4 or newer, which must be installed. */
export const haproxyDriver = (deps: HaproxyDriverDeps = {}): Driver<IngressPort> => ({
  manifest,
  open: (device, host) => new HaproxyIngress(deps, parseParameters(device.parameters), host),
})

class HaproxyIngress implements IngressPort {
  readonly #parameters: HaproxyParameters
  readonly #host: DriverHost
  readonly #edge: Edge
  #last: Promise<unknown> = Promise.resolve()

  constructor(deps: HaproxyDriverDeps, parameters: HaproxyParameters, host: DriverHost) {
    const { program = 'haproxy', launch = launchDetached } = deps
    const layout = layoutOf(host)
    const master = new Master(program, layout, launch)
    this.#parameters = parameters
    this.#host = host
    this.#edge = new Edge({ program, parameters, layout, master })
  }

  async ensureDevice(_: Nothing, signal: AbortSignal): Promise<ObservedDevice> {
    await this.#inTurn(() => this.#edge.ensure(signal), signal)
    return this.observeDevice({}, signal)
  }

  async observeDevice(_: Nothing, signal: AbortSignal): Promise<ObservedDevice> {
    const { httpPort, httpsPort, gatewayAddress } = this.#parameters
    const running = await this.#edge.find(signal)
    return {
      isReady: running?.shape !== undefined,
      message: toMessage(running),
      ...(running?.version === undefined ? {} : { engineVersion: running.version }),
      facts: {
        httpPort: String(httpPort),
        httpsPort: String(httpsPort),
        ...(gatewayAddress === undefined ? {} : { gatewayAddress }),
      },
    }
  }

  async removeDevice(_: Nothing, signal: AbortSignal): Promise<Nothing> {
    await this.#inTurn(() => this.#edge.remove(signal), signal)
    return {}
  }

  async applyTable(input: EdgeTable, signal: AbortSignal): Promise<AppliedTable> {
    return { by: await this.#inTurn(() => this.#edge.apply(input, signal), signal) }
  }

  async awaitIdle(
    input: { taskUid: string; incarnation: string; timeoutMs: number },
    signal: AbortSignal,
  ): Promise<{ isIdle: boolean }> {
    const { clock } = this.#host
    const prefix = serverPrefix(input)
    const endsAtMs = clock.monotonicMs() + input.timeoutMs
    for (;;) {
      // A worker that is just being replaced does not answer: unknown is not idle.
      const count = await this.#countUnderWay(prefix, signal).catch(rethrowUnlessUnavailable)
      if (count === 0) return { isIdle: true }
      const leftMs = endsAtMs - clock.monotonicMs()
      if (leftMs <= 0) return { isIdle: false }
      await clock.sleep(Math.min(leftMs, IDLE_LOOK_EVERY_MS), signal)
    }
  }

  async probe(input: ProbeRequest, signal: AbortSignal): Promise<ProbeResult> {
    const { httpAddress, httpPort, httpsPort } = this.#parameters
    const port = input.isTls ? httpsPort : httpPort
    return probeListener(input, { address: reachableAddress(httpAddress), port }, signal)
  }

  async findPortOwners(
    input: { ports: { address: string; port: number }[] },
    signal: AbortSignal,
  ): Promise<{ taken: PortOwner[] }> {
    signal.throwIfAborted()
    return { taken: [...(await this.#edge.findOwners(input.ports))] }
  }

  async #countUnderWay(prefix: string, signal: AbortSignal): Promise<number> {
    const running = await this.#edge.find(signal)
    if (running?.shape === undefined) return 0
    const layout = layoutOf(this.#host)
    const workers = [
      speakToWorker(layout, running.shape),
      ...running.oldPids.map((pid) => speakToOldWorker(layout, pid)),
    ]
    const answers = await Promise.all(workers.map((speak) => speak(['show stat -1 4 -1'], signal)))
    return answers.reduce((sum, answer) => sum + countUnderWay(answer, prefix), 0)
  }

  /** Tables are applied one after the other, in the order they were given. */
  async #inTurn<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const before = this.#last
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#last = promise
    try {
      await before
      signal.throwIfAborted()
      return await work()
    } finally {
      resolve()
    }
  }
}

function rethrowUnlessUnavailable(thrown: unknown): undefined {
  if (thrown instanceof PolisError && thrown.code === 'Unavailable') return undefined
  throw thrown
}

function toMessage(running: RunningEdge | undefined): string {
  if (running === undefined) return 'HAProxy does not run'
  return running.shape === undefined ? 'the worker of HAProxy does not answer' : ''
}
