import { PolisError } from '@polis/lib/error'
import type { Logger } from '@polis/lib/logger'
import { silentLogger } from '@polis/lib/logger'
import { TestClock } from '@polis/lib/test-clock'
import { currentRequestId } from '@polis/lib/trace'
import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { ObjectEvent } from '../objects/object-cache.ts'
import { Objects, projectDraft, userDraft } from '../objects/objects.fixture.ts'
import { Controller, type Reconciler, type Result, SETTLED } from './controller.ts'

const RESYNC_MS = 600_000

/** A reconciler of users that does what a test says and writes down what it was asked. */
class Probe implements Reconciler {
  readonly name = 'probe'
  concurrency = 2
  restMs = 0
  readonly looked: string[] = []
  readonly reported: string[] = []
  readonly requestIds: (string | undefined)[] = []
  known: readonly string[] = []
  isMistaken = false
  act: (key: string, signal: AbortSignal) => Promise<Result> = async () => SETTLED

  keysOf({ before, after }: ObjectEvent): readonly string[] {
    if (this.isMistaken) throw new Error('a mistake')
    const object = after ?? before
    return object?.kind === 'User' ? [object.metadata.name] : []
  }

  allKeys(): readonly string[] {
    return this.known
  }

  requestIdOf(key: string): string | undefined {
    return key === 'traced' ? 'request-1' : undefined
  }

  async reconcile(key: string, signal: AbortSignal): Promise<Result> {
    this.looked.push(key)
    this.requestIds.push(currentRequestId())
    return await this.act(key, signal)
  }

  async report(key: string, error: PolisError): Promise<void> {
    this.reported.push(`${key}: ${error.code} ${error.message}`)
  }
}

/** A controller at work on a probe, on a clock that stands still. */
class Running implements AsyncDisposable {
  readonly probe: Probe
  readonly objects: Objects
  readonly clock = new TestClock()
  readonly controller: Controller
  readonly warnings: string[] = []
  readonly #stopping = new AbortController()
  readonly #done: Promise<void>

  private constructor(objects: Objects, probe: Probe) {
    this.objects = objects
    this.probe = probe
    const keep = (message: string): void => void this.warnings.push(message)
    const logger: Logger = { ...silentLogger, warn: keep, error: keep }
    const { cache } = objects
    const deps = { cache, clock: this.clock, logger, random: () => 1, resyncMs: RESYNC_MS }
    this.controller = new Controller(probe, deps)
    this.#done = this.controller.run(this.#stopping.signal)
  }

  static async start(probe = new Probe()): Promise<Running> {
    const running = new Running(await Objects.open(), probe)
    await settled()
    return running
  }

  /** Time passes in small steps, and everybody does what they have to do meanwhile. */
  async pass(totalMs: number): Promise<void> {
    for (let passed = 0; passed < totalMs; passed += 50) {
      this.clock.advance(Math.min(50, totalMs - passed))
      await settled()
    }
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#done
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
    await this.objects[Symbol.asyncDispose]()
  }
}

async function settled(): Promise<void> {
  for (let turn = 0; turn < 3; turn += 1) await setImmediate()
}

test('everything is looked at when it starts, and again at each resync', async () => {
  const probe = new Probe()
  probe.known = ['a', 'b']
  await using running = await Running.start(probe)
  expect(probe.looked).toEqual(['a', 'b'])
  await running.pass(RESYNC_MS - 50)
  expect(probe.looked).toEqual(['a', 'b'])
  await running.pass(50)
  expect(probe.looked).toEqual(['a', 'b', 'a', 'b'])
})

test('an event has its keys looked at, and no others', async () => {
  await using running = await Running.start()
  await running.objects.create(projectDraft('shop'))
  await running.objects.create(userDraft('alice'))
  await settled()
  expect(running.probe.looked).toEqual(['alice'])
})

test('a key is looked at again after the time that was asked for', async () => {
  await using running = await Running.start()
  const { probe } = running
  probe.act = async () => ({ kind: 'requeue', afterMs: 1_000 })
  running.controller.enqueue('a')
  await settled()
  await running.pass(950)
  expect(probe.looked).toEqual(['a'])
  await running.pass(50)
  expect(probe.looked).toEqual(['a', 'a'])
})

test('no key is looked at twice at once; what comes meanwhile is looked at once, after', async () => {
  await using running = await Running.start()
  const { probe, controller } = running
  const finish: (() => void)[] = []
  probe.act = () => new Promise((resolve) => finish.push(() => resolve(SETTLED)))
  controller.enqueue('a')
  await settled()
  controller.enqueue('a')
  controller.enqueue('a')
  controller.enqueue('b')
  await settled()
  expect(probe.looked).toEqual(['a', 'b'])
  finish[0]?.()
  await settled()
  expect(probe.looked).toEqual(['a', 'b', 'a'])
  for (const end of finish) end()
  await settled()
  expect(probe.looked).toHaveLength(3)
})

test('a key rests after a look: a burst of events costs one more', async () => {
  const probe = new Probe()
  probe.restMs = 100
  await using running = await Running.start(probe)
  const { controller } = running
  controller.enqueue('a')
  await settled()
  for (let n = 0; n < 5; n += 1) controller.enqueue('a')
  controller.enqueue('b')
  await settled()
  expect(probe.looked).toEqual(['a', 'b'])
  await running.pass(50)
  expect(probe.looked).toEqual(['a', 'b'])
  await running.pass(50)
  expect(probe.looked).toEqual(['a', 'b', 'a'])
  await running.pass(1_000)
  expect(probe.looked).toHaveLength(3)
})

test('no more keys are worked on at a time than the reconciler allows', async () => {
  const probe = new Probe()
  probe.concurrency = 3
  probe.act = (_, signal) =>
    new Promise((resolve) => signal.addEventListener('abort', () => resolve(SETTLED)))
  probe.known = ['a', 'b', 'c', 'd', 'e']
  await using _ = await Running.start(probe)
  expect(probe.looked).toEqual(['a', 'b', 'c'])
})

test('a failure is told, and tried again after ever longer times', async () => {
  await using running = await Running.start()
  const { probe, controller } = running
  probe.act = () => Promise.reject(new PolisError('Unavailable', 'the node is away'))
  controller.enqueue('a')
  await settled()
  expect(probe.reported).toEqual(['a: Unavailable the node is away'])
  const times = await timesOfTries(running, 5)
  expect(times).toEqual([200, 400, 800, 1_600, 3_200])
  expect(running.warnings).toHaveLength(6)
})

test('the time between tries has an end', async () => {
  await using running = await Running.start()
  running.probe.act = () => Promise.reject(new PolisError('Unavailable', 'away'))
  running.controller.enqueue('a')
  await settled()
  const times = await timesOfTries(running, 10)
  expect(times.slice(-2)).toEqual([30_000, 30_000])
})

test('a success forgets the failures before it', async () => {
  await using running = await Running.start()
  const { probe, controller } = running
  const failing = (): Promise<Result> => Promise.reject(new PolisError('Unavailable', 'away'))
  probe.act = failing
  controller.enqueue('a')
  await settled()
  await timesOfTries(running, 3)
  probe.act = async () => SETTLED
  controller.enqueue('a')
  await settled()
  probe.act = failing
  controller.enqueue('a')
  await settled()
  expect(await timesOfTries(running, 1)).toEqual([200])
})

test('a race is tried again at once and not told, unless it does not end', async () => {
  await using running = await Running.start()
  const { probe, controller } = running
  probe.act = () => Promise.reject(new PolisError('Aborted', 'somebody else wrote first'))
  controller.enqueue('a')
  for (let n = 0; n < 4; n += 1) {
    await settled()
    running.clock.advance(5)
  }
  await settled()
  expect(probe.looked).toHaveLength(5)
  expect([probe.reported, running.warnings].map((list) => list.length)).toEqual([1, 1])
  running.clock.advance(500)
  await settled()
  expect(probe.looked).toHaveLength(5)
})

test('what is no PolisError is told as one that is internal', async () => {
  await using running = await Running.start()
  running.probe.act = () => Promise.reject(new TypeError('x is not a function'))
  running.controller.enqueue('a')
  await settled()
  expect(running.probe.reported).toEqual(['a: Internal could not reconcile probe'])
})

test('a report that fails, or an event that is not understood, is not the end', async () => {
  await using running = await Running.start()
  const { probe, controller, objects } = running
  probe.report = () => Promise.reject(new Error('the store is away'))
  probe.act = () => Promise.reject(new PolisError('Unavailable', 'away'))
  controller.enqueue('a')
  await settled()
  probe.isMistaken = true
  await objects.create(userDraft('alice'))
  probe.isMistaken = false
  await objects.create(userDraft('bob'))
  await settled()
  expect(probe.looked).toEqual(['a', 'bob'])
  expect(running.warnings).toEqual([
    'reconcile failed',
    'status not written',
    'event not understood',
    'reconcile failed',
    'status not written',
  ])
})

test('work belongs to the request that asked for it, or to one of its own', async () => {
  await using running = await Running.start()
  running.controller.enqueue('traced')
  running.controller.enqueue('other')
  await settled()
  const [first, second] = running.probe.requestIds
  expect(first).toBe('request-1')
  expect(second).toMatch(/^[a-z2-7]{20}$/)
})

test('work that takes too long is cut short, told and tried again', async () => {
  await using running = await Running.start()
  const { probe, controller, clock } = running
  probe.act = (_, signal) =>
    new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason))
    })
  controller.enqueue('a')
  await settled()
  clock.advance(30 * 60_000)
  await settled()
  expect(probe.reported).toEqual(['a: DeadlineExceeded not done within 1800000 ms'])
})

test('a stop cuts work short, waits for it, and tells nobody of a failure', async () => {
  const running = await Running.start()
  const { probe, controller } = running
  let hasEnded = false
  probe.act = async (_, signal) => {
    await new Promise((resolve) => signal.addEventListener('abort', resolve))
    await settled()
    hasEnded = true
    throw signal.reason
  }
  controller.enqueue('a')
  await settled()
  await running.stop()
  expect(hasEnded).toBe(true)
  expect([probe.reported, running.warnings]).toEqual([[], []])
  await running.objects.create(userDraft('alice'))
  await running[Symbol.asyncDispose]()
  expect(probe.looked).toEqual(['a'])
})

/** How long after the last try each of the next ones comes. */
async function timesOfTries(running: Running, count: number): Promise<readonly number[]> {
  const { probe } = running
  const times: number[] = []
  let waitedMs = 0
  while (times.length < count) {
    const before = probe.looked.length
    await running.pass(50)
    waitedMs += 50
    if (probe.looked.length === before) continue
    times.push(waitedMs)
    waitedMs = 0
  }
  return times
}
