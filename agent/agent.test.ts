import { X509Certificate } from 'node:crypto'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BuilderPort } from '@polis/hal/builder'
import { FakeBuilder } from '@polis/hal/builder/fake'
import type { DeviceIdentity, Driver, DriverHost } from '@polis/hal/driver'
import { PolisError } from '@polis/lib/error'
import { silentLogger } from '@polis/lib/logger'
import { systemClock } from '@polis/lib/system-clock'
import { newUid } from '@polis/lib/uid'
import { until } from '@polis/lib/until'
import { RemoteDevices } from '@polis/protocol/remote-devices'
import { errorOf, soon, TestInstallation } from '@polis/protocol/test-installation'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Agent } from './agent.ts'
import { FileIdentityStore } from './file-identity-store.ts'
import { SystemFacts } from './node-facts.ts'

const WITHIN = { deadlineMs: 15_000, everyMs: 10 }

/** A driver that remembers which devices it was asked for, and what each was given. */
class RememberingDriver implements Driver<BuilderPort> {
  readonly manifest = {
    name: 'remembering',
    class: 'builder' as const,
    version: '1',
    summary: 'Remembers.',
    parameters: {},
    capabilities: {},
  }
  readonly opened: { readonly device: DeviceIdentity; readonly host: DriverHost }[] = []

  open(device: DeviceIdentity, host: DriverHost): BuilderPort {
    if (device.parameters['isWrong'] === true) {
      throw new PolisError('InvalidArgument', 'that is wrong', { path: 'isWrong' })
    }
    this.opened.push({ device, host })
    return new FakeBuilder()
  }

  get host(): DriverHost {
    const [first] = this.opened
    if (first === undefined) throw new Error('no device was opened')
    return first.host
  }
}

let at: TestInstallation
let home: string
let driver: RememberingDriver
let running: { readonly agent: Agent; readonly stop: () => Promise<unknown> }[]

beforeEach(async () => {
  at = await TestInstallation.start()
  home = await mkdtemp(join(tmpdir(), 'polis-agent-'))
  driver = new RememberingDriver()
  running = []
})

afterEach(async () => {
  await Promise.all(running.map(({ stop }) => stop()))
  await at[Symbol.asyncDispose]()
  await rm(home, { recursive: true, force: true })
})

function newAgent(joinToken?: string): Agent {
  return new Agent({
    address: at.address,
    joinToken: async () => joinToken,
    identityStore: new FileIdentityStore(join(home, 'identity.json')),
    facts: new SystemFacts({ home, agentVersion: '0.1.0', clock: systemClock }),
    drivers: [driver],
    agentVersion: '0.1.0',
    dataDir: join(home, 'devices'),
    runDir: join(home, 'run'),
    clock: systemClock,
    logger: silentLogger,
    random: () => 0,
  })
}

/** Runs an agent; `stop` ends it and gives what it threw. */
function start(agent: Agent): () => Promise<unknown> {
  const ending = new AbortController()
  const run = errorOf(agent.run(ending.signal))
  const stop = (): Promise<unknown> => {
    ending.abort()
    return run
  }
  running.push({ agent, stop })
  return stop
}

async function connected(agent: Agent): Promise<string> {
  return until(
    () =>
      agent.nodeUid !== undefined &&
      at.listener.sessions.isConnected(agent.nodeUid) &&
      agent.nodeUid,
    { ...WITHIN, what: 'the agent’s connection' },
  )
}

function builderOf(nodeUid: string, parameters: Record<string, unknown> = {}): BuilderPort {
  const devices = new RemoteDevices({ sessions: at.listener.sessions })
  const uid = `${nodeUid}-images`
  return devices.port('builder', {
    nodeUid,
    driver: 'remembering',
    uid,
    name: 'images',
    parameters,
  })
}

describe('an agent', () => {
  test('joins by its token, reports its facts, and is called', async () => {
    const agent = newAgent(at.newJoinToken())
    expect(agent.state).toEqual({ state: 'enrolling' })
    start(agent)
    const nodeUid = await connected(agent)
    expect(await builderOf(nodeUid).listImages({}, soon())).toEqual({ images: [] })
    await until(() => at.authority.reports.length > 0, { ...WITHIN, what: 'its facts' })
    expect(at.authority.reports[0]).toMatchObject({ agentVersion: '0.1.0' })
    expect(agent.state).toMatchObject({ state: 'connected' })
  })

  test('is the same node after a restart, without a token', async () => {
    const first = newAgent(at.newJoinToken())
    const stop = start(first)
    const nodeUid = await connected(first)
    expect(await stop()).toBe('no error')
    await until(() => at.authority.news.includes(`lost ${nodeUid}`), {
      ...WITHIN,
      what: 'its loss',
    })
    const second = newAgent()
    start(second)
    expect(await connected(second)).toBe(nodeUid)
  })

  test('does not start without certificate and token, or with a token that does not fit', async () => {
    expect(await errorOf(newAgent().run(soon()))).toMatchObject({ code: 'FailedPrecondition' })
    expect(await errorOf(newAgent('nonsense').run(soon()))).toMatchObject({
      code: 'InvalidArgument',
    })
    const used = at.newJoinToken(0)
    expect(await errorOf(newAgent(used).run(soon()))).toMatchObject({ code: 'Unauthenticated' })
    const foreign = used.replace(/_[0-9a-f]{64}_/, `_${'0'.repeat(64)}_`)
    expect(await errorOf(newAgent(foreign).run(soon()))).toMatchObject({ code: 'PermissionDenied' })
    expect(existsSync(join(home, 'identity.json'))).toBe(false)
  })

  test('that lost the answer to its enrolment, and was killed, is still one node', async () => {
    const joinToken = at.newJoinToken(1)
    at.authority.losesAnswers = true
    const stop = start(newAgent(joinToken))
    await until(() => at.authority.nodeUids.size > 0, { ...WITHIN, what: 'the enrolment' })
    await stop()
    at.authority.losesAnswers = false
    const agent = newAgent(joinToken)
    start(agent)
    expect([...at.authority.nodeUids]).toEqual([await connected(agent)])
    expect(readdirSync(home)).toContain('identity.json')
    expect(readdirSync(home)).not.toContain('identity.json.pending')
  })

  test('waits for a server that is not there yet', async () => {
    const { authority, address } = at
    const agent = newAgent(at.newJoinToken())
    await at.listener.close()
    start(agent)
    at = await TestInstallation.start({ authority, port: address.port })
    await connected(agent)
    expect(agent.state).toMatchObject({ state: 'connected' })
  })

  test('comes back when the server does', async () => {
    const agent = newAgent(at.newJoinToken())
    start(agent)
    const nodeUid = await connected(agent)
    await builderOf(nodeUid).listImages({}, soon())
    const { authority, address } = at
    await at.listener.close()
    await until(() => agent.state.state === 'lost', { ...WITHIN, what: 'the loss' })
    at = await TestInstallation.start({ authority, port: address.port })
    expect(await connected(agent)).toBe(nodeUid)
    expect(await builderOf(nodeUid).listImages({}, soon())).toEqual({ images: [] })
    // The device lives on through a lost session.
    expect(driver.opened).toHaveLength(1)
  })

  test('that was sent away says so and does not insist', async () => {
    const agent = newAgent(at.newJoinToken())
    start(agent)
    const nodeUid = await connected(agent)
    at.authority.nodeUids.delete(nodeUid)
    at.listener.disconnect(nodeUid)
    const lost = await until(() => (agent.state.state === 'lost' ? agent.state : undefined), {
      ...WITHIN,
      what: 'the loss',
    })
    expect(lost.cause).toMatchObject({
      code: 'PermissionDenied',
      message: 'this node was removed from the installation',
    })
    expect(lost.retryAt.getTime() - Date.now()).toBeGreaterThan(30_000)
  })

  test('renews its certificate with a new key, and its session goes on', async () => {
    at.authority.lifeMs = 2_000
    const agent = newAgent(at.newJoinToken())
    start(agent)
    const nodeUid = await connected(agent)
    const store = new FileIdentityStore(join(home, 'identity.json'))
    const before = await store.load()
    const renewed = await until(
      async () => {
        const now = await store.load()
        return now?.privateKeyPem === before?.privateKeyPem ? undefined : now
      },
      { ...WITHIN, what: 'the renewal' },
    )
    const first = new X509Certificate(before?.certificatePem ?? '')
    expect(new X509Certificate(renewed.certificatePem).serialNumber).not.toBe(first.serialNumber)
    expect(renewed).toMatchObject({ nodeUid, nodeName: before?.nodeName })
    expect(at.authority.news.filter((news) => news.startsWith('connected'))).toHaveLength(1)
    expect(await builderOf(nodeUid).listImages({}, soon())).toEqual({ images: [] })
    // The next session begins with the certificate that holds then.
    await until(() => first.validToDate < new Date(), { ...WITHIN, what: 'the first one’s end' })
    at.listener.disconnect(nodeUid, new PolisError('Unavailable', 'the server restarts'))
    await until(() => at.authority.news.filter((news) => news.startsWith('connected')).length > 1, {
      ...WITHIN,
      what: 'the next session',
    })
  }, 20_000)
})

describe('a device', () => {
  let nodeUid: string

  beforeEach(async () => {
    const agent = newAgent(at.newJoinToken())
    start(agent)
    nodeUid = await connected(agent)
  })

  test('is opened once, and anew when its parameters change', async () => {
    await builderOf(nodeUid, { a: 1 }).listImages({}, soon())
    await builderOf(nodeUid, { a: 1 }).listImages({}, soon())
    expect(driver.opened.map(({ device }) => device.parameters)).toEqual([{ a: 1 }])
    await builderOf(nodeUid, { a: 2 }).listImages({}, soon())
    expect(driver.opened.map(({ device }) => device.parameters)).toEqual([{ a: 1 }, { a: 2 }])
  })

  test('of wrong parameters is refused as its driver says', async () => {
    const calling = builderOf(nodeUid, { isWrong: true }).listImages({}, soon())
    expect(await errorOf(calling)).toMatchObject({ code: 'InvalidArgument', path: 'isWrong' })
  })

  test('of an unknown driver is NotFound', async () => {
    const devices = new RemoteDevices({ sessions: at.listener.sessions })
    const device = { nodeUid, driver: 'zfs', uid: newUid(), name: 'x', parameters: {} }
    const calling = devices.port('builder', device).listImages({}, soon())
    expect(await errorOf(calling)).toMatchObject({
      code: 'NotFound',
      hint: 'drivers here: remembering',
    })
  })

  test('has folders of its own that others cannot read', async () => {
    await builderOf(nodeUid).listImages({}, soon())
    const { dataDir, runDir } = driver.host
    expect(dataDir).toBe(join(home, 'devices', `${nodeUid}-images`))
    expect(runDir).toBe(join(home, 'run', `${nodeUid}-images`))
    for (const folder of [dataDir, runDir]) expect(statSync(folder).mode & 0o777).toBe(0o700)
  })

  test('cannot name a folder that is not its own', async () => {
    const devices = new RemoteDevices({ sessions: at.listener.sessions })
    const device = { nodeUid, driver: 'remembering', uid: '../other', name: 'x', parameters: {} }
    const calling = devices.port('builder', device).listImages({}, soon())
    expect(await errorOf(calling)).toMatchObject({ code: 'InvalidArgument', path: 'uid' })
    expect(existsSync(join(home, 'other'))).toBe(false)
  })

  test('knows the node that it is on', async () => {
    await builderOf(nodeUid).listImages({}, soon())
    const { installationUid } = at.authority
    expect(driver.host).toMatchObject({ installationUid, nodeUid })
  })

  test('gets certificates whose key stays here', async () => {
    await builderOf(nodeUid).listImages({}, soon())
    const issued = await driver.host.issueCertificate(['registry.test'], soon())
    const certificate = new X509Certificate(issued.certificatePem)
    expect(certificate.subjectAltName).toContain(`/device/${nodeUid}-images`)
    expect(certificate.verify(new X509Certificate(issued.caPem).publicKey)).toBe(true)
    expect(issued.privateKeyPem).toContain('BEGIN PRIVATE KEY')
    expect(issued.expiresAt).toEqual(certificate.validToDate)
  })

  test('reads blobs of the server', async () => {
    await builderOf(nodeUid).listImages({}, soon())
    const digest = 'sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824'
    at.authority.blobs.set(digest, Buffer.from('hello'))
    expect(await new Response(await driver.host.openBlob(digest, soon())).text()).toBe('hello')
    expect(await errorOf(driver.host.openBlob('sha256:no', soon()))).toMatchObject({
      code: 'NotFound',
    })
  })
})
