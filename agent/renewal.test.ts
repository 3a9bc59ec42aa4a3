import { X509Certificate } from 'node:crypto'
import type { NodeIdentity } from '@polis/hal/enrolment'
import { PolisError } from '@polis/lib/error'
import { silentLogger } from '@polis/lib/logger'
import { TestClock } from '@polis/lib/test-clock'
import { until } from '@polis/lib/until'
import { TestAuthority } from '@polis/protocol/test-authority'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { keepCertificate, renewalTimeMs } from './renewal.ts'

const DAY_MS = 24 * 3_600_000

let authority: TestAuthority
let clock: TestClock
let identity: NodeIdentity
let adopted: NodeIdentity[]
let asked: number
let failure: Error | undefined
let ending: AbortController
let keeping: Promise<void>

beforeEach(async () => {
  authority = await TestAuthority.create()
  authority.lifeMs = 30 * DAY_MS
  clock = new TestClock(new Date())
  adopted = []
  asked = 0
  failure = undefined
  ending = new AbortController()
  const { installationUid } = authority
  const issued = await authority.nodeIdentity('n1')
  identity = { ...issued, installationUid, nodeUid: 'n1', nodeName: 'web-1' }
  keeping = keepCertificate(
    {
      kernel: {
        renew: async (request) => {
          asked += 1
          if (failure !== undefined) throw failure
          return authority.renew('n1', request)
        },
      },
      identity: () => identity,
      adopt: async (renewed) => {
        identity = renewed
        adopted.push(renewed)
      },
      clock,
      logger: silentLogger,
      random: () => 0,
    },
    ending.signal,
  )
})

afterEach(async () => {
  ending.abort()
  await keeping
})

/** Lets time pass in steps that no timer of the code under test is shorter than. */
async function passUntil(isReached: () => boolean, maxMs: number): Promise<number> {
  const startMs = clock.monotonicMs()
  await until(
    () => {
      if (isReached() || clock.monotonicMs() - startMs > maxMs) return true
      clock.advance(3_600_000)
      return false
    },
    { deadlineMs: 10_000, everyMs: 1, what: 'time to pass' },
  )
  return clock.monotonicMs() - startMs
}

test('is due between 0.62 and two thirds of a certificate’s life', () => {
  const { certificatePem } = identity
  const { validFromDate, validToDate } = new X509Certificate(certificatePem)
  const partOfLife = (random: number): number =>
    (renewalTimeMs(certificatePem, random) - validFromDate.getTime()) /
    (validToDate.getTime() - validFromDate.getTime())
  expect(partOfLife(0)).toBeCloseTo(2 / 3, 6)
  expect(partOfLife(0.999)).toBeGreaterThan(0.61)
})

test('a certificate is renewed at two thirds of its life, with a new key', async () => {
  const first = identity
  const passedMs = await passUntil(() => adopted.length === 1, 30 * DAY_MS)
  expect(passedMs / DAY_MS).toBeGreaterThan(19.5)
  expect(passedMs / DAY_MS).toBeLessThan(21.5)
  expect(identity.privateKeyPem).not.toBe(first.privateKeyPem)
  expect(identity).toMatchObject({ nodeUid: 'n1', nodeName: 'web-1' })
  expect(asked).toBe(1)
})

test('a server that is away is asked again and again, in time', async () => {
  failure = new PolisError('Unavailable', 'away')
  await passUntil(() => asked >= 5, 25 * DAY_MS)
  expect(adopted).toEqual([])
  failure = undefined
  const passedMs = await passUntil(() => adopted.length === 1, DAY_MS)
  expect(passedMs).toBeLessThan(DAY_MS / 2)
})

test('ends with its signal', async () => {
  ending.abort()
  expect(await keeping).toBeUndefined()
})
