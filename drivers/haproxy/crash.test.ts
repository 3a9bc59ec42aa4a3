// What is killed comes back, and what kills in the middle leaves nothing half done.
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { chmod, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { EdgeTable } from '@polis/hal/ingress'
import {
  gatewayRoute,
  httpRoute,
  openSubject,
  portRoute,
  reached,
  refusedWith,
  signal,
  tableOf,
} from '@polis/hal/ingress/conformance-subject'
import { until } from '@polis/lib/until'
import { openTestDriverHost } from '@polis/test/driver-host'
import { expect, onTestFinished, test, vi } from 'vitest'
import { findByArgument, launchDetached, startOf } from './launch.ts'
import { layoutOf } from './layout.ts'
import { Master, type RunningEdge } from './master.ts'
import { type HaproxySubject, openHaproxySubject } from './test-subject.ts'

// Engines take their time on a busy machine.
vi.setConfig({ testTimeout: 60_000 })

async function openEdge(): Promise<HaproxySubject> {
  const subject = await openHaproxySubject(await openTestDriverHost())
  await openSubject(async () => subject)
  return subject
}

async function findEdge({ host }: HaproxySubject): Promise<RunningEdge> {
  const running = await new Master('haproxy', layoutOf(host), launchDetached).find(signal())
  if (running === undefined) throw new Error('no edge runs')
  return running
}

function kill(pid: number | undefined): void {
  if (pid === undefined) throw new Error('nothing to kill')
  process.kill(pid, 'SIGKILL')
}

for (const victim of ['masterPid', 'workerPid'] as const) {
  test(`after kill -9 of the ${victim} the device comes back with its table`, async () => {
    const subject = await openEdge()
    const { ingress, world } = subject
    const one = await world.startServer('one')
    const port = await world.freePort()
    const table = tableOf({
      http: [httpRoute('a.test', [one])],
      gateway: [gatewayRoute(port, [one], [world.sources[0]])],
    })
    await ingress.applyTable(table, signal())
    const before = await findEdge(subject)
    kill(before[victim])
    await until(async () => (await world.get({ host: 'a.test' })).status === undefined, {
      deadlineMs: 5_000,
      what: 'the end of the edge',
    })
    expect(await ingress.observeDevice({}, signal())).toMatchObject({ isReady: false })
    expect(await ingress.ensureDevice({}, signal())).toMatchObject({ isReady: true })
    expect(await world.get({ host: 'a.test' })).toEqual({ status: 200, server: 'one' })
    expect(await reached(world, world.gatewayAddress, port)).toBe('one')
    kill((await findEdge(subject))[victim])
    expect(await ingress.applyTable(table, signal())).toHaveProperty('by')
    expect(await world.get({ host: 'a.test' })).toEqual({ status: 200, server: 'one' })
  })
}

test('after a reboot routes lead nowhere until the next table', async () => {
  const subject = await openEdge()
  const { world, host, reopen } = subject
  const one = await world.startServer('one')
  const port = await world.freePort()
  const table = tableOf({
    http: [httpRoute('a.test', [one])],
    ports: [portRoute('127.0.0.1', port, [one])],
  })
  await subject.ingress.applyTable(table, signal())
  const { masterPid = 0 } = await findEdge(subject)
  kill(masterPid)
  await until(() => findByArgument(join(layoutOf(host).liveDir, 'haproxy.cfg')).length === 0, {
    deadlineMs: 5_000,
    what: 'the end of the edge',
  })
  for (const name of await readdir(host.runDir)) {
    await rm(join(host.runDir, name), { recursive: true })
  }
  const ingress = reopen()
  await ingress.ensureDevice({}, signal())
  expect(await world.get({ host: 'a.test' })).toEqual({ status: 503 })
  expect(await reached(world, '127.0.0.1', port)).toBeUndefined()
  expect(await ingress.applyTable(table, signal())).toEqual({ by: 'runtime' })
  expect(await world.get({ host: 'a.test' })).toEqual({ status: 200, server: 'one' })
})

test('an edge whose state was lost is taken over', async () => {
  const subject = await openEdge()
  const { world, host, reopen } = subject
  const one = await world.startServer('one')
  const table = tableOf({ http: [httpRoute('a.test', [one]), httpRoute('*.b.test', [one])] })
  await subject.ingress.applyTable(table, signal())
  await writeFile(layoutOf(host).statePath, '{"half":')
  const ingress = reopen()
  await ingress.applyTable(tableOf({ http: [httpRoute('*.b.test', [one])] }), signal())
  expect(await world.get({ host: 'a.test' })).toEqual({ status: 404 })
  expect(await world.get({ host: 'x.b.test' })).toEqual({ status: 200, server: 'one' })
})

function startAgent({ host, device }: HaproxySubject): ChildProcessWithoutNullStreams {
  const { dataDir, runDir } = host
  const start = JSON.stringify({ dataDir, runDir, parameters: device.parameters })
  const child = spawn(process.execPath, [join(import.meta.dirname, 'crash-child.ts'), start])
  onTestFinished(() => void child.kill('SIGKILL'))
  return child
}

test(
  'an agent killed in the middle of a table leaves an edge that the next makes exact',
  { timeout: 120_000 },
  async () => {
    const subject = await openEdge()
    const { world, reopen } = subject
    const [one, two] = [await world.startServer('one'), await world.startServer('two')]
    const port = await world.freePort()
    const [first, second] = world.sources
    const certificate = { name: 'c', ...(await world.makeCertificate(['h0.test'])) }
    const hosts = Array.from({ length: 10 }, (_, index) => `h${index}.test`)
    const even: EdgeTable = tableOf({
      http: hosts.map((host) => httpRoute(host, [one])),
      gateway: [gatewayRoute(port, [one], [first])],
    })
    const odd: EdgeTable = tableOf({
      http: hosts.slice(5).map((host) => httpRoute(host, [two], 'c')),
      ports: [portRoute('127.0.0.1', port, [two])],
      gateway: [gatewayRoute(port, [two], [second])],
      certificates: [certificate],
    })
    for (const delayMs of [0, 15, 40, 80, 150, 300]) {
      await reopen().applyTable(even, signal())
      const agent = startAgent(subject)
      // One table through, so that the next is cut wherever the delay falls.
      agent.stdin.write(`${JSON.stringify(even)}\n`)
      await new Promise((resolve) => agent.stdout.once('data', resolve))
      agent.stdin.write(`${JSON.stringify(odd)}\n`)
      const cutAtMs = performance.now() + delayMs
      await until(() => performance.now() >= cutAtMs, {
        deadlineMs: 1_000,
        everyMs: 1,
        what: 'the cut',
      })
      agent.kill('SIGKILL')
      await reopen().applyTable(odd, signal())
      const got = await Promise.all(hosts.map((host) => world.get({ host })))
      expect(got.map(({ server }) => server)).toEqual(
        hosts.map((_, at) => (at < 5 ? undefined : 'two')),
      )
      expect(await world.shownCertificate('h7.test')).toBe(
        world.fingerprintOf(certificate.certificatePem),
      )
      expect(await world.shownCertificate('h1.test')).toBeUndefined()
      expect(await reached(world, '127.0.0.1', port)).toBe('two')
      expect(await reached(world, world.gatewayAddress, port, first)).toBeUndefined()
      expect(await reached(world, world.gatewayAddress, port, second)).toBe('two')
      expect(await reopen().applyTable(odd, signal())).toEqual({ by: 'unchanged' })
    }
  },
)

test('an edge that an agent started serves on when the agent is killed', async () => {
  const subject = await openEdge()
  const { ingress, world } = subject
  const one = await world.startServer('one')
  await ingress.removeDevice({}, signal())
  const agent = startAgent(subject)
  agent.stdin.write(`${JSON.stringify(tableOf({ http: [httpRoute('a.test', [one])] }))}\n`)
  await new Promise((resolve) => agent.stdout.once('data', resolve))
  agent.kill('SIGKILL')
  await new Promise((resolve) => agent.once('close', resolve))
  expect(await world.get({ host: 'a.test' })).toEqual({ status: 200, server: 'one' })
  const isLogged = async (): Promise<boolean> =>
    (await readFile(layoutOf(subject.host).accessLogPath, 'utf8')).includes('a.test')
  await until(isLogged, { deadlineMs: 5_000, what: 'the request in the log' })
})

test('a port taken between the test and the reload leaves the old table as it was', async () => {
  const host = await openTestDriverHost()
  const program = join(host.runDir, 'slow-test')
  const [isTested, mayGoOn] = [join(host.runDir, 'tested'), join(host.runDir, 'go')]
  await writeFile(
    program,
    `#!/bin/sh\nhaproxy "$@" || exit\n[ "$1" = -c ] || exit 0\n[ -e ${mayGoOn} ] && exit\ntouch ${isTested}\nwhile [ ! -e ${mayGoOn} ]; do sleep 0.05; done\n`,
  )
  await chmod(program, 0o755)
  await writeFile(mayGoOn, '')
  const launch = (request: Parameters<typeof launchDetached>[0]) =>
    launchDetached({ ...request, program: 'haproxy' })
  const subject = await openHaproxySubject(host, {}, { program, launch })
  const { ingress, world } = await openSubject(async () => subject)
  const [one, two] = [await world.startServer('one'), await world.startServer('two')]
  const port = await world.freePort()
  const old = tableOf({ http: [httpRoute('a.test', [one])] })
  await ingress.applyTable(old, signal())
  await rm(mayGoOn)
  await rm(isTested, { force: true })
  const ports = [portRoute('127.0.0.1', port, [two])]
  const refused = refusedWith(
    ingress.applyTable(tableOf({ http: [httpRoute('a.test', [two])], ports }), signal()),
  )
  await until(() => readFile(isTested).then(() => true), { deadlineMs: 5_000, what: 'the test' })
  const held = await world.holdPort('127.0.0.1', port)
  await writeFile(mayGoOn, '')
  expect(await refused).toMatchObject({ code: 'AlreadyExists' })
  expect(await world.get({ host: 'a.test' })).toEqual({ status: 200, server: 'one' })
  expect(await ingress.applyTable(old, signal())).toEqual({ by: 'unchanged' })
  await held[Symbol.asyncDispose]()
  expect(await ingress.applyTable(tableOf({ ports }), signal())).toEqual({ by: 'reload' })
  expect(await reached(world, '127.0.0.1', port)).toBe('two')
})

test('connections that outlived a reload are ended with their admission', async () => {
  const { ingress, world } = await openEdge()
  const one = await world.startServer('one')
  const [port, other] = [await world.freePort(), await world.freePort()]
  const gateway = [gatewayRoute(port, [one], [world.sources[0]])]
  await ingress.applyTable(tableOf({ gateway }), signal())
  const connection = await world.connect({
    address: world.gatewayAddress,
    port,
    from: world.sources[0],
  })
  const ports = [portRoute('127.0.0.1', other, [])]
  expect(await ingress.applyTable(tableOf({ gateway, ports }), signal())).toEqual({ by: 'reload' })
  expect(connection).toMatchObject({ isOpen: true })
  await ingress.applyTable(tableOf({ gateway: [gatewayRoute(port, [one], [])], ports }), signal())
  await until(() => connection?.isOpen === false, { deadlineMs: 1_000, what: 'its end' })
})

test('a removed device leaves no process and no file', async () => {
  const { ingress, world, host } = await openEdge()
  const one = await world.startServer('one')
  await ingress.applyTable(tableOf({ http: [httpRoute('a.test', [one])] }), signal())
  const { liveDir } = layoutOf(host)
  expect(findByArgument(join(liveDir, 'haproxy.cfg')).every((pid) => startOf(pid))).toBe(true)
  await ingress.removeDevice({}, signal())
  expect(findByArgument(join(liveDir, 'haproxy.cfg'))).toEqual([])
  expect([...(await readdir(host.dataDir)), ...(await readdir(host.runDir))]).toEqual([])
})
