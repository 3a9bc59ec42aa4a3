import { mkdtemp, rm } from 'node:fs/promises'
import os, { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PolisError } from '@polis/lib/error'
import { silentLogger } from '@polis/lib/logger'
import { systemClock } from '@polis/lib/system-clock'
import { TestClock } from '@polis/lib/test-clock'
import { until } from '@polis/lib/until'
import { NodeFacts } from '@polis/resources/node'
import { TEST_FACTS } from '@polis/protocol/test-authority'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { isNoticeable, observeFacts, SystemFacts } from './node-facts.ts'

describe('this machine', () => {
  let home: string

  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'polis-facts-'))
  })

  afterEach(async () => {
    await rm(home, { recursive: true, force: true })
  })

  test('says what it is', async () => {
    const facts = await new SystemFacts({ home, agentVersion: '1.2.3', clock: systemClock }).read()
    expect(NodeFacts.parse(facts)).toEqual(facts)
    expect(facts).toMatchObject({
      hostName: os.hostname(),
      kernelRelease: os.release(),
      memoryBytes: os.totalmem(),
      agentVersion: '1.2.3',
    })
    expect(facts.os).not.toBe('')
    expect(facts.bootId).toMatch(/^[0-9a-f-]{36}$/)
    expect(facts.memoryAvailableBytes).toBeGreaterThan(0)
    expect(facts.memoryAvailableBytes).toBeLessThan(facts.memoryBytes)
    expect(facts.diskAvailableBytes).toBeLessThanOrEqual(facts.diskBytes)
    expect(facts.addresses.join()).not.toMatch(/127\.0\.0\.1|::1|fe80/)
    expect(Math.abs(Date.parse(facts.reportedAt) - Date.now())).toBeLessThan(5_000)
  })
})

describe('a change', () => {
  test.each([
    [{}, false],
    [{ reportedAt: 'later' }, false],
    [{ memoryAvailableBytes: 3.5e9 }, false],
    [{ memoryAvailableBytes: 3.1e9 }, true],
    [{ diskAvailableBytes: 3.9e10 }, false],
    [{ diskAvailableBytes: 3.8e10 }, true],
    [{ addresses: ['192.0.2.1', '192.0.2.2'] }, true],
    [{ bootId: 'b2' }, true],
    [{ cpus: 4 }, true],
    [{ kernelRelease: '6.12.0' }, true],
  ])('of %j is noticeable: %s', (change, expected) => {
    expect(isNoticeable(TEST_FACTS, { ...TEST_FACTS, ...change })).toBe(expected)
  })
})

describe('observing', () => {
  let clock: TestClock
  let now: NodeFacts
  let failure: Error | undefined
  let seen: NodeFacts[]
  let reads: number
  let ending: AbortController
  let observing: Promise<unknown>

  beforeEach(async () => {
    clock = new TestClock()
    now = TEST_FACTS
    failure = undefined
    seen = []
    reads = 0
    ending = new AbortController()
    const facts = {
      read: async () => {
        reads += 1
        if (failure !== undefined) throw failure
        return now
      },
    }
    observing = (async () => {
      const stream = observeFacts({ facts, clock, logger: silentLogger }, ending.signal)
      for await (const each of stream) seen.push(each)
    })().catch((thrown: unknown) => thrown)
    await until(() => seen.length === 1, { deadlineMs: 5_000, what: 'the first facts' })
  })

  afterEach(async () => {
    ending.abort()
    await observing
  })

  async function passSeconds(seconds: number): Promise<void> {
    for (let second = 0; second < seconds; second += 5) {
      const before = reads
      await until(
        () => {
          if (reads > before) return true
          clock.advance(5_000)
          return false
        },
        { deadlineMs: 5_000, everyMs: 1, what: 'the next look' },
      )
    }
  }

  test('begins with the facts now, and is silent while nothing happens', async () => {
    await passSeconds(20)
    expect(seen).toEqual([TEST_FACTS])
  })

  test('tells a noticeable change at the next look', async () => {
    now = { ...TEST_FACTS, addresses: [] }
    await passSeconds(5)
    await until(() => seen.length === 2, { deadlineMs: 5_000, what: 'the change' })
    expect(seen[1]).toEqual(now)
  })

  test('tells the facts every half minute in any case', async () => {
    await passSeconds(60)
    await until(() => seen.length === 3, { deadlineMs: 5_000, what: 'two more' })
    expect(seen).toHaveLength(3)
  })

  test('goes on after facts that could not be read', async () => {
    failure = new PolisError('Unavailable', 'disk away')
    await passSeconds(40)
    failure = undefined
    await passSeconds(5)
    await until(() => seen.length === 2, { deadlineMs: 5_000, what: 'the facts again' })
    expect(seen).toHaveLength(2)
  })

  test('ends with its signal', async () => {
    ending.abort(new Error('enough'))
    expect(await observing).toBe(ending.signal.reason)
  })
})
