import { getEventListeners } from 'node:events'
import { createClient } from '@connectrpc/connect'
import type { BuilderPort, BuildProgress, BuildRequest, BuiltImage } from '@polis/hal/builder'
import type { Nothing, ObservedDevice } from '@polis/hal/driver'
import { PolisError, refusal } from '@polis/lib/error'
import { TestClock } from '@polis/lib/test-clock'
import { currentRequestId, withTrace } from '@polis/lib/trace'
import { until } from '@polis/lib/until'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { DriverService } from './gen/polis/agent/v1/agent_pb.js'
import { encodePayload } from './payload.ts'
import { type RemoteDevice, serveRemotely } from './test-remote.ts'

const soon = (): AbortSignal => AbortSignal.timeout(20_000)
const REQUEST: BuildRequest = {
  uid: 'u1',
  contextDigest: 'sha256:a',
  contextPath: '.',
  dockerfile: 'Dockerfile',
  buildArgs: {},
  tag: 'a:1',
  limits: { memoryBytes: 1, cpus: 1 },
}

/** A builder that does what each test tells it, and remembers what reached it. */
class Probe implements BuilderPort {
  readonly requestIds: (string | undefined)[] = []
  readonly signals: AbortSignal[] = []
  readonly inputs: unknown[] = []
  isStreamOver = false
  failure: Error | undefined
  images: BuiltImage[] = []

  async ensureDevice(input: Nothing, signal: AbortSignal): Promise<ObservedDevice> {
    this.#remember(input, signal)
    return { isReady: true, message: '', facts: {} }
  }
  async observeDevice(input: Nothing, signal: AbortSignal): Promise<ObservedDevice> {
    this.#remember(input, signal)
    // Answers only when told to stop.
    return new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason), { once: true })
    })
  }
  async removeDevice(): Promise<Nothing> {
    return {}
  }
  async *build(input: BuildRequest, signal: AbortSignal): AsyncGenerator<BuildProgress> {
    this.#remember(input, signal)
    try {
      for (let line = 0; ; line += 1) {
        yield { type: 'log', text: `${line} ${currentRequestId() ?? ''}` }
        if (line < 3) continue
        if (input.uid === 'ends') return
        await new Promise<void>((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason), { once: true })
        })
      }
    } finally {
      this.isStreamOver = true
    }
  }
  async removeImage(input: { imageId: string }, signal: AbortSignal): Promise<Nothing> {
    this.#remember(input, signal)
    return {}
  }
  async listImages(input: Nothing, signal: AbortSignal): Promise<{ images: BuiltImage[] }> {
    this.#remember(input, signal)
    return { images: this.images }
  }
  #remember(input: unknown, signal: AbortSignal): void {
    this.requestIds.push(currentRequestId())
    this.signals.push(signal)
    this.inputs.push(input)
    if (this.failure !== undefined) throw this.failure
  }
}

async function errorOf(call: Promise<unknown>): Promise<unknown> {
  return call.then(
    () => undefined,
    (error: unknown) => error,
  )
}

async function drain(items: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of items);
}

/** Four lines, and an end of its own. */
function endingBuild(signal: AbortSignal): AsyncIterable<BuildProgress> {
  return remote.port.build({ ...REQUEST, uid: 'ends' }, signal)
}

let probe: Probe
let clock: TestClock
let remote: RemoteDevice<'builder'>

beforeEach(async () => {
  probe = new Probe()
  clock = new TestClock()
  remote = await serveRemotely('builder', () => probe, clock)
})

afterEach(async () => {
  await remote[Symbol.asyncDispose]()
})

describe('errors', () => {
  test('a refusal arrives with every finding, its cause stays behind', async () => {
    const problems = [
      { code: 'AlreadyExists', path: 'a.b[0]', message: 'taken', hint: 'choose another' },
      {
        code: 'InvalidArgument',
        path: 'c',
        message: 'odd',
        file: 'compose.yaml',
        line: 3,
        column: 7,
      },
    ] as const
    probe.failure = refusal(problems)
    const error = await errorOf(remote.port.ensureDevice({}, soon()))
    expect(error).toBeInstanceOf(PolisError)
    expect(error).toMatchObject({
      code: 'AlreadyExists',
      path: 'a.b[0]',
      message: 'taken',
      hint: 'choose another',
      problems,
    })
  })

  test('the causes are told on the side where they happened, and only there', async () => {
    const cause = new Error('psql: password "hunter2" refused')
    probe.failure = new PolisError('Unavailable', 'the engine is down', { cause })
    const error = await errorOf(remote.port.ensureDevice({}, soon()))
    expect(error).toMatchObject({ code: 'Unavailable', message: 'the engine is down' })
    expect((error as PolisError).cause).toBeUndefined()
    expect(remote.failures).toMatchObject([{ thrown: { cause } }])
  })

  test('what a driver did not mean to throw is Internal, without its words', async () => {
    probe.failure = new TypeError('secret of undefined')
    const error = await errorOf(remote.port.ensureDevice({}, soon()))
    expect(error).toMatchObject({ code: 'Internal' })
    expect((error as PolisError).message).not.toContain('secret')
  })

  test('an input that does not fit names each path and no value', async () => {
    const wrong = { ...REQUEST, tag: 1234567, limits: { memoryBytes: -7654321, cpus: 1 } }
    const error = await errorOf(drain(remote.port.build(wrong as never, soon())))
    expect(error).toMatchObject({ code: 'InvalidArgument' })
    const { problems } = error as PolisError
    expect(problems.map(({ path }) => path)).toEqual(['tag', 'limits.memoryBytes'])
    expect(JSON.stringify(problems)).not.toMatch(/1234567|7654321/)
  })

  test('an answer that does not fit is Internal', async () => {
    probe.images = [{ uid: 7 }] as never
    const error = await errorOf(remote.port.listImages({}, soon()))
    expect(error).toMatchObject({ code: 'Internal', path: 'images[0].uid' })
  })
})

describe('mixed versions', () => {
  test('keys that only the newer side knows are dropped', async () => {
    await remote.port.removeImage({ imageId: 'a', isForced: true } as never, soon())
    expect(probe.inputs).toEqual([{ imageId: 'a' }])
    probe.images = [{ uid: 'u', imageId: 'i', sizeBytes: 1, layers: 7 }] as never
    expect(await remote.port.listImages({}, soon())).toEqual({
      images: [{ uid: 'u', imageId: 'i', sizeBytes: 1 }],
    })
  })

  test.each([
    ['builder', 'prune'],
    ['builder', 'constructor'],
    ['builder', 'build'],
    ['teleporter', 'ensureDevice'],
  ])('%s.%s, which the older side lacks, is Unimplemented', async (deviceClass, method) => {
    const client = createClient(DriverService, remote.caller.transport)
    const device = { driver: 'fake', uid: 'd1', name: 'exam', parameters: encodePayload({}) }
    const call = client.call({ device, deviceClass, method, input: encodePayload({}) })
    await expect(call).rejects.toMatchObject({ code: 12 })
  })
})

describe('aborting', () => {
  test('a call: here its reason is thrown, there its signal aborts', async () => {
    const abort = new AbortController()
    const call = errorOf(remote.port.observeDevice({}, abort.signal))
    await until(() => probe.signals.length === 1, { deadlineMs: 5_000, what: 'the call' })
    abort.abort(new Error('no longer wanted'))
    expect(await call).toBe(abort.signal.reason)
    await until(() => probe.signals[0]?.aborted, { deadlineMs: 5_000, what: 'the abort' })
    expect(await remote.port.listImages({}, soon())).toEqual({ images: [] })
  })

  test('a deadline reaches the driver', async () => {
    const error = await errorOf(remote.port.observeDevice({}, AbortSignal.timeout(30)))
    expect(error).toMatchObject({ name: 'TimeoutError' })
    await until(() => probe.signals[0]?.aborted, { deadlineMs: 5_000, what: 'the abort' })
  })

  test('a stream in its middle', async () => {
    const abort = new AbortController()
    const lines: BuildProgress[] = []
    const error = await errorOf(
      (async () => {
        for await (const line of remote.port.build(REQUEST, abort.signal)) {
          lines.push(line)
          if (lines.length === 4) setImmediate(() => abort.abort(new Error('enough')))
        }
      })(),
    )
    expect(error).toBe(abort.signal.reason)
    await until(() => probe.isStreamOver, { deadlineMs: 5_000, what: 'the end of the stream' })
  })

  test('a stream whose reader has had enough ends there too', async () => {
    for await (const line of remote.port.build(REQUEST, soon())) {
      expect(line).toMatchObject({ type: 'log' })
      break
    }
    await until(() => probe.isStreamOver, { deadlineMs: 5_000, what: 'the end of the stream' })
    expect(remote.failures).toEqual([])
  })

  test('a call that was aborted before it began never leaves', async () => {
    const reason = new Error('never mind')
    expect(await errorOf(remote.port.listImages({}, AbortSignal.abort(reason)))).toBe(reason)
    expect(probe.inputs).toEqual([])
  })

  test('a thousand at once do not cost the connection', async () => {
    const abort = new AbortController()
    const calls = Array.from({ length: 2_000 }, () =>
      errorOf(remote.port.observeDevice({}, abort.signal)),
    )
    await until(() => probe.signals.length === 2_000, { deadlineMs: 20_000, what: 'the calls' })
    abort.abort()
    await Promise.all(calls)
    expect(await remote.port.listImages({}, soon())).toEqual({ images: [] })
  }, 30_000)
})

describe('a connection that dies', () => {
  const UNAVAILABLE = { code: 'Unavailable', message: 'node n1 is away' }

  test('ends calls and streams under way with Unavailable, and their drivers’ signals', async () => {
    const call = errorOf(remote.port.observeDevice({}, soon()))
    const stream = errorOf(drain(remote.port.build(REQUEST, soon())))
    await until(() => probe.signals.length === 2, { deadlineMs: 5_000, what: 'both calls' })
    remote.cut()
    expect(await call).toMatchObject(UNAVAILABLE)
    expect(await stream).toMatchObject(UNAVAILABLE)
    await until(() => probe.signals.every((signal) => signal.aborted), {
      deadlineMs: 5_000,
      what: 'the aborts',
    })
    expect(await errorOf(remote.port.listImages({}, soon()))).toMatchObject(UNAVAILABLE)
  })

  test('silently is noticed on both sides within ten seconds', async () => {
    const call = errorOf(remote.port.observeDevice({}, soon()))
    await until(() => probe.signals.length === 1, { deadlineMs: 5_000, what: 'the call' })
    remote.freeze()
    let elapsedMs = 0
    const isOver = (): boolean => remote.caller.closed.aborted && remote.server.closed.aborted
    await until(
      () => {
        if (isOver()) return true
        clock.advance(100)
        elapsedMs += 100
        return false
      },
      { deadlineMs: 10_000, everyMs: 1, what: 'the end of both sides' },
    )
    expect(elapsedMs).toBeLessThan(10_000)
    expect(await call).toMatchObject(UNAVAILABLE)
    expect(probe.signals[0]?.aborted).toBe(true)
  })

  test('one that answers its pings lives on', async () => {
    for (let second = 0; second < 60; second += 1) {
      clock.advance(1_000)
      await remote.port.listImages({}, soon())
    }
    expect(remote.caller.closed.aborted).toBe(false)
  })

  test('says why, when the other side ended it on purpose', async () => {
    const why = new PolisError('PermissionDenied', 'this node was removed', { hint: 'enrol again' })
    remote.caller.close(why)
    await until(() => remote.server.closed.aborted, { deadlineMs: 5_000, what: 'the end' })
    expect(remote.server.closed.reason).toMatchObject({
      code: 'PermissionDenied',
      message: 'this node was removed',
      hint: 'enrol again',
    })
  })
})

test('the request id arrives with calls and with every item of a stream', async () => {
  await withTrace({ requestId: 'r-1' }, () => remote.port.listImages({}, soon()))
  await remote.port.listImages({}, soon())
  expect(probe.requestIds).toEqual(['r-1', undefined])
  const texts: string[] = []
  await withTrace({ requestId: 'r-2' }, async () => {
    for await (const line of remote.port.build(REQUEST, soon())) {
      if (line.type === 'log') texts.push(line.text)
      if (texts.length === 4) break
    }
  })
  expect(texts).toEqual(['0 r-2', '1 r-2', '2 r-2', '3 r-2'])
})

test('ten thousand calls and streams at once all end and leave nothing behind', async () => {
  const long = new AbortController()
  const calls = Array.from({ length: 10_000 }, (_, n) =>
    n % 20 === 0 ? drain(endingBuild(long.signal)) : remote.port.listImages({}, long.signal),
  )
  await Promise.all(calls)
  expect(probe.inputs).toHaveLength(10_000)
  expect(getEventListeners(long.signal, 'abort')).toHaveLength(0)
  await until(() => remote.caller.countCalls() === 0, { deadlineMs: 5_000, what: 'no open stream' })
}, 60_000)

test('a stream given up when the peer had answered in full leaves nothing behind', async () => {
  for await (const _ of endingBuild(soon())) {
    // By the time this is answered, the rest of the stream is here, unread.
    while (!probe.isStreamOver) await remote.port.listImages({}, soon())
    await remote.port.listImages({}, soon())
    break
  }
  await until(() => remote.caller.countCalls() === 0, { deadlineMs: 5_000, what: 'no open stream' })
  expect(remote.caller.countCalls()).toBe(0)
})

test('a driver that waits for a slow reader is ended when the connection dies', async () => {
  const text = 'x'.repeat(64 * 1024)
  let isEnded = false
  probe.build = async function* () {
    try {
      for (;;) yield { type: 'log', text }
    } finally {
      isEnded = true
    }
  }
  const reading = remote.port.build(REQUEST, soon())[Symbol.asyncIterator]()
  expect(await reading.next()).toMatchObject({ done: false })
  remote.cut()
  await until(() => isEnded, { deadlineMs: 5_000, what: 'the end of the driver’s stream' })
})

test('a slow reader holds its driver up and costs no memory', async () => {
  const text = 'x'.repeat(64 * 1024)
  let made = 0
  probe.build = async function* () {
    for (; made < 10_000; made += 1) yield { type: 'log', text }
  }
  for await (const _ of remote.port.build(REQUEST, soon())) {
    let before = -1
    await until(
      () => {
        const isStill = made === before
        before = made
        return isStill
      },
      { deadlineMs: 10_000, everyMs: 200, what: 'the driver being held up' },
    )
    break
  }
  // What fits into the windows and buffers between them, and no more.
  expect(made).toBeLessThan(200)
})

test('a large answer passes whole', async () => {
  probe.images = Array.from({ length: 50_000 }, (_, n) => ({
    uid: `u${n}`,
    imageId: 'x'.repeat(80),
    sizeBytes: n,
  }))
  const { images } = await remote.port.listImages({}, soon())
  expect(images).toHaveLength(50_000)
})
