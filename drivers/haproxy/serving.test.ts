// What passes through the edge, beyond the class's contract: protocols, headers, the log.
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { Agent, createServer, type IncomingMessage } from 'node:http'
import { connect as http2Connect } from 'node:http2'
import { Agent as TlsAgent, request } from 'node:https'
import { createConnection } from 'node:net'
import { join } from 'node:path'
import {
  openSubject,
  httpEndpoint,
  httpRoute,
  portRoute,
  refusedWith,
  signal,
  tableOf,
} from '@polis/hal/ingress/conformance-subject'
import { until } from '@polis/lib/until'
import { openTestDriverHost } from '@polis/test/driver-host'
import { expect, onTestFinished, test, vi } from 'vitest'
import { z } from 'zod'
import { type HaproxySubject, openHaproxySubject } from './test-subject.ts'

// Engines take their time on a busy machine.
vi.setConfig({ testTimeout: 60_000 })

async function openEdge(): Promise<HaproxySubject> {
  const subject = await openHaproxySubject(await openTestDriverHost())
  await openSubject(async () => subject)
  return subject
}

const SeenHeaders = z.record(z.string(), z.unknown())

function seenBy(header: unknown): z.infer<typeof SeenHeaders> {
  return SeenHeaders.parse(JSON.parse(String(header)))
}

const LogLine = z.object({
  at: z.number(),
  id: z.string(),
  client: z.string(),
  method: z.string(),
  host: z.string(),
  path: z.string(),
  status: z.number(),
  ms: z.number(),
  bytes: z.number(),
  isTls: z.boolean(),
  server: z.string(),
})

async function logLines(subject: HaproxySubject): Promise<readonly z.infer<typeof LogLine>[]> {
  const text = await readFile(join(subject.host.dataDir, 'access.log'), 'utf8')
  const lines = text.split('\n').filter((line) => line.startsWith('{'))
  return lines.map((line) => LogLine.parse(JSON.parse(line)))
}

async function firstLine(subject: HaproxySubject): Promise<z.infer<typeof LogLine>> {
  return until(async () => (await logLines(subject))[0], {
    deadlineMs: 5_000,
    what: 'a line in the access log',
  })
}

const WEBSOCKET_KEY = 'dGhlIHNhbXBsZSBub25jZQ=='

/** RFC 6455, 4.2.2 */
function acceptOf(key: string): string {
  return createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
}

test('an upgraded connection carries bytes both ways', async () => {
  const { ingress, world, device } = await openEdge()
  const address = world.nextAddress()
  const server = createServer()
  server.on('upgrade', (_, socket) => {
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${acceptOf(WEBSOCKET_KEY)}\r\n\r\n`,
    )
    socket.on('data', (chunk: Buffer) => socket.write(`echo ${chunk.toString('utf8')}`))
    socket.on('end', () => socket.end())
  })
  await world.listen(server, address, 8080)
  const endpoint = { taskUid: 't', incarnation: '1', address, port: 8080 }
  await ingress.applyTable(
    tableOf({ http: [{ uid: 'r', host: 'ws.test', endpoints: [endpoint] }] }),
    signal(),
  )
  const client = createConnection({
    host: world.edgeAddress,
    port: Number(device.parameters['httpPort']),
  })
  onTestFinished(() => void client.destroy())
  let text = ''
  client.on('data', (chunk) => (text += chunk.toString('utf8')))
  client.write(
    `GET / HTTP/1.1\r\nHost: ws.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${WEBSOCKET_KEY}\r\n\r\n`,
  )
  await until(() => text.includes(' 101 '), { deadlineMs: 5_000, what: 'the upgrade' })
  client.write('one')
  await until(() => text.includes('echo one'), { deadlineMs: 5_000, what: 'the first echo' })
  await ingress.applyTable(
    tableOf({ ports: [portRoute('127.0.0.1', await world.freePort(), [])] }),
    signal(),
  )
  client.write('two')
  await until(() => text.includes('echo two'), {
    deadlineMs: 5_000,
    what: 'an echo after a reload',
  })
  const asked = { taskUid: 't', incarnation: '1', timeoutMs: 200 }
  expect(await ingress.awaitIdle(asked, signal())).toEqual({ isIdle: false })
  client.destroy()
  expect(await ingress.awaitIdle({ ...asked, timeoutMs: 5_000 }, signal())).toEqual({
    isIdle: true,
  })
})

test('events pass as they are sent', async () => {
  const { ingress, world, device } = await openEdge()
  const address = world.nextAddress()
  const sent = Promise.withResolvers<(text: string) => void>()
  const server = createServer((_, answer) => {
    answer.writeHead(200, { 'content-type': 'text/event-stream' })
    answer.write('data: first\n\n')
    sent.resolve((text) => answer.write(text))
  })
  await world.listen(server, address, 8080)
  const endpoint = { taskUid: 't', incarnation: '1', address, port: 8080 }
  await ingress.applyTable(
    tableOf({ http: [{ uid: 'r', host: 'sse.test', endpoints: [endpoint] }] }),
    signal(),
  )
  const client = createConnection({
    host: world.edgeAddress,
    port: Number(device.parameters['httpPort']),
  })
  onTestFinished(() => void client.destroy())
  let text = ''
  client.on('data', (chunk) => (text += chunk.toString('utf8')))
  client.write('GET / HTTP/1.1\r\nHost: sse.test\r\nAccept: text/event-stream\r\n\r\n')
  await until(() => text.includes('data: first'), { deadlineMs: 2_000, what: 'the first event' })
  expect(text).not.toContain('second')
  const send = await sent.promise
  send('data: second\n\n')
  await until(() => text.includes('data: second'), { deadlineMs: 2_000, what: 'the second event' })
})

test('TLS speaks HTTP/2', async () => {
  const subject = await openEdge()
  const { ingress, world, device } = subject
  const one = await world.startServer('one')
  const certificate = { name: 'a', ...(await world.makeCertificate(['a.test'])) }
  await ingress.applyTable(
    tableOf({ http: [httpRoute('a.test', [one], 'a')], certificates: [certificate] }),
    signal(),
  )
  const origin = `https://${world.edgeAddress}:${String(device.parameters['httpsPort'])}`
  const session = http2Connect(origin, { servername: 'a.test', rejectUnauthorized: false })
  onTestFinished(() => session.destroy())
  const stream = session.request({ ':path': '/', ':authority': 'a.test' })
  stream.setEncoding('utf8')
  let body = ''
  for await (const chunk of stream) body += String(chunk)
  expect(body).toBe('one')
  expect(session.alpnProtocol).toBe('h2')
  expect(await firstLine(subject)).toMatchObject({ isTls: true, status: 200, host: 'a.test' })
})

test('a wildcard has TLS, and a key that only HAProxy finds too weak is refused', async () => {
  const { ingress, world } = await openEdge()
  const one = await world.startServer('one')
  const good = { name: 'w', ...(await world.makeCertificate(['*.a.test'])) }
  const http = [httpRoute('*.a.test', [one], 'w')]
  await ingress.applyTable(tableOf({ http, certificates: [good] }), signal())
  const shown = world.fingerprintOf(good.certificatePem)
  expect(await world.shownCertificate('x.a.test')).toBe(shown)
  const weak = { name: 'w', ...(await world.makeCertificate(['*.a.test'], 'rsa:512')) }
  const table = tableOf({ http, certificates: [weak] })
  expect(await refusedWith(ingress.applyTable(table, signal()))).toMatchObject({
    code: 'InvalidArgument',
  })
  expect(await world.shownCertificate('x.a.test')).toBe(shown)
})

test('a server sees who asked, by which name, and under which request id', async () => {
  const { ingress, world } = await openEdge()
  const one = await world.startServer('one')
  await ingress.applyTable(tableOf({ http: [httpRoute('a.test', [one])] }), signal())
  const ask = async (headers: Record<string, string>) => {
    const { answer } = await world.fetch('a.test', '/', { headers })
    return { seen: seenBy(answer.headers['x-seen']), id: answer.headers['x-request-id'] }
  }
  const plain = await ask({})
  expect(plain.seen).toMatchObject({
    'x-forwarded-for': '127.0.0.1',
    'x-forwarded-host': 'a.test',
    'x-forwarded-proto': 'http',
  })
  expect(plain.seen['x-request-id']).toMatch(/^[0-9a-f-]{36}$/)
  expect(plain.id).toBe(plain.seen['x-request-id'])
  const given = await ask({ 'x-request-id': 'abc-123', 'x-forwarded-for': '203.0.113.9' })
  expect(given.seen).toMatchObject({ 'x-request-id': 'abc-123', 'x-forwarded-for': '127.0.0.1' })
  const odd = await ask({ 'x-request-id': '"} {' })
  expect(odd.seen['x-request-id']).toMatch(/^[0-9a-f-]{36}$/)
})

test('the log has a line of JSON for each request, without queries', async () => {
  const subject = await openEdge()
  const { ingress, world } = subject
  const one = await world.startServer('one')
  await ingress.applyTable(tableOf({ http: [httpRoute('a.test', [one])] }), signal())
  const path = '/a"b\\%20c?token=secret'
  await world.fetch('a.test', path, { headers: { 'x-request-id': 'the-id' } })
  expect(await firstLine(subject)).toMatchObject({
    id: 'the-id',
    client: '127.0.0.1',
    method: 'GET',
    host: 'a.test',
    path: '/a"b\\%20c',
    status: 200,
    server: `one_1_${one.address}_${one.httpPort}`,
  })
  expect(await readFile(join(subject.host.dataDir, 'access.log'), 'utf8')).not.toContain('secret')
})

test('a server cannot pass for the edge', async () => {
  const { ingress, world } = await openEdge()
  const address = world.nextAddress()
  const server = createServer((_, answer) => {
    answer.writeHead(503, { 'x-polis-edge': 'no-endpoint' }).end('mine')
  })
  await world.listen(server, address, 8080)
  const endpoint = { taskUid: 't', incarnation: '1', address, port: 8080 }
  const http = [{ uid: 'r', host: 'a.test', endpoints: [endpoint] }]
  await ingress.applyTable(tableOf({ http }), signal())
  const probe = await ingress.probe({ host: 'a.test', path: '/', isTls: false }, signal())
  expect(probe).toMatchObject({ status: 503, isFromEndpoint: true })
})

test('while one of two servers is dead no request fails', async () => {
  const { ingress, world } = await openEdge()
  const [one, two] = [await world.startServer('one'), await world.startServer('two')]
  await ingress.applyTable(tableOf({ http: [httpRoute('a.test', [one, two])] }), signal())
  const load = world.startLoad('a.test')
  await until(() => two.countHits() > 20, { deadlineMs: 5_000, what: 'load on the second server' })
  await two.stop()
  const hits = one.countHits()
  await until(() => one.countHits() > hits + 200, { deadlineMs: 10_000, what: 'load on the first' })
  expect((await load.stop()).failures).toEqual([])
})

test('20 reloads under constant requests fail none', { timeout: 60_000 }, async () => {
  const { ingress, world } = await openEdge()
  const one = await world.startServer('one')
  const route = httpRoute('a.test', [one])
  const ports = [await world.freePort(), await world.freePort()]
  await ingress.applyTable(tableOf({ http: [route] }), signal())
  const slow = await world.getSlowly('a.test')
  const load = world.startLoad('a.test')
  for (let turn = 0; turn < 20; turn += 1) {
    const port = ports[turn % 2] ?? 0
    const table = tableOf({ http: [route], ports: [portRoute('127.0.0.1', port, [one])] })
    expect(await ingress.applyTable(table, signal())).toEqual({ by: 'reload' })
  }
  const { succeeded, failures } = await load.stop()
  expect(failures).toEqual([])
  expect(succeeded).toBeGreaterThan(200)
  expect(await slow.finish()).toEqual({ status: 200, server: 'one' })
})

test('connections from before a reload follow every later table', async () => {
  const { ingress, world, device } = await openEdge()
  const [one, two] = [await world.startServer('one'), await world.startServer('two')]
  const certificates = [{ name: 'c', ...(await world.makeCertificate(['a.test'])) }]
  const route = httpRoute('a.test', [one], 'c')
  await ingress.applyTable(tableOf({ http: [route], certificates }), signal())
  const agents = [new Agent({ keepAlive: true }), new Agent({ keepAlive: true })]
  const tlsAgent = new TlsAgent({ keepAlive: true })
  onTestFinished(() => [...agents, tlsAgent].forEach((agent) => agent.destroy()))
  const getTls = async (): Promise<IncomingMessage> => {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
    const port = Number(device.parameters['httpsPort'])
    const options = { host: world.edgeAddress, port, agent: tlsAgent, servername: 'a.test' }
    const headers = { host: 'a.test' }
    request({ ...options, headers, rejectUnauthorized: false }, resolve)
      .on('error', reject)
      .end()
    const answer = await promise
    await answer.resume().toArray()
    return answer
  }
  for (const agent of agents) expect((await world.getHttp('a.test', '/', agent)).server).toBe('one')
  await getTls()
  const moved = { ...route, endpoints: [httpEndpoint(two)] }
  for (const port of [await world.freePort(), await world.freePort()]) {
    const ports = [portRoute('127.0.0.1', port, [])]
    await ingress.applyTable(tableOf({ http: [route], ports, certificates }), signal())
    await ingress.applyTable(tableOf({ http: [moved], ports, certificates }), signal())
  }
  const [plain, unknown] = [
    await world.fetch('a.test', '/', { agent: agents[0] ?? false }),
    await world.fetch('b.test', '/', { agent: agents[1] ?? false }),
  ]
  // `close` is how the worker that leaves answers: these were not new connections.
  expect([plain.answer.headers.connection, plain.body]).toEqual(['close', 'two'])
  expect(seenBy(plain.answer.headers['x-seen'])).toMatchObject({
    'x-forwarded-for': '127.0.0.1',
    'x-forwarded-proto': 'http',
  })
  expect(unknown.answer.headers).toMatchObject({ connection: 'close', 'x-polis-edge': 'no-route' })
  const tls = await getTls()
  expect(tls.headers.connection).toBe('close')
  expect(seenBy(tls.headers['x-seen'])).toMatchObject({ 'x-forwarded-proto': 'https' })
})
