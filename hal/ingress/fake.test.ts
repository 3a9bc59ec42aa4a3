import { PolisError } from '@polis/lib/error'
import { TestClock } from '@polis/lib/test-clock'
import { systemClock } from '@polis/test/driver-host'
import { expect, test } from 'vitest'
import { ingressConformance } from './conformance.ts'
import { tableOf } from './conformance-subject.ts'
import { FakeIngress } from './fake.ts'
import { FakeWorld } from './fake-world.ts'

const GATEWAY_ADDRESS = '10.0.0.254'

ingressConformance(async () => {
  const fake = new FakeIngress({ clock: systemClock, gatewayAddress: GATEWAY_ADDRESS })
  return {
    ingress: fake,
    world: new FakeWorld(fake, GATEWAY_ADDRESS),
    reopen: () => fake,
    [Symbol.asyncDispose]: async () => undefined,
  }
})

const signal = (): AbortSignal => AbortSignal.timeout(1_000)
const endpoint = { taskUid: 't', incarnation: '1', address: '10.0.0.9', port: 80 }
const table = tableOf({ http: [{ uid: 'r', host: 'a.test', endpoints: [endpoint] }] })

test('an ordered failure strikes once and changes nothing', async () => {
  const fake = new FakeIngress({ clock: new TestClock() })
  fake.failNext(new PolisError('Unavailable', 'gone'), 'applyTable')
  await expect(fake.applyTable(table, signal())).rejects.toThrow('gone')
  expect(fake.endpointsFor('a.test')).toBeUndefined()
  await fake.applyTable(table, signal())
  expect(fake.endpointsFor('A.test')).toEqual([endpoint])
})

test('gateway routes are refused without a gateway address', async () => {
  const fake = new FakeIngress({ clock: new TestClock() })
  const gateway = [{ uid: 'g', port: 5432, upstreams: [], admitted: [] }]
  await expect(fake.applyTable(tableOf({ gateway }), signal())).rejects.toMatchObject({
    code: 'FailedPrecondition',
    path: 'gateway[0]',
  })
})

test('a set status is what the probe sees', async () => {
  const fake = new FakeIngress({ clock: new TestClock() })
  await fake.applyTable(table, signal())
  const ask = { host: 'a.test', path: '/', isTls: false }
  fake.setStatus('t', 502)
  expect(await fake.probe(ask, signal())).toMatchObject({ status: 502, isFromEndpoint: true })
  fake.setStatus('t', undefined)
  expect(await fake.probe(ask, signal())).toMatchObject({ status: 503, isFromEndpoint: false })
})

test('waiting for idle ends by the clock given', async () => {
  const clock = new TestClock()
  const fake = new FakeIngress({ clock })
  await fake.applyTable(table, signal())
  const request = fake.request('a.test')
  const idle = fake.awaitIdle({ ...endpoint, timeoutMs: 10_000 }, signal())
  clock.advance(10_000)
  expect(await idle).toEqual({ isIdle: false })
  request?.close()
  expect(await fake.awaitIdle({ ...endpoint, timeoutMs: 1 }, signal())).toEqual({ isIdle: true })
})
