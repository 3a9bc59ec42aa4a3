import { once } from 'node:events'
import net from 'node:net'
import tls from 'node:tls'
import { FakeBuilder } from '@polis/hal/builder/fake'
import { PolisError } from '@polis/lib/error'
import { until } from '@polis/lib/until'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ALPN } from './alpn.ts'
import { dial } from './dial.ts'
import { BUILD, errorOf, isOver, soon, TestInstallation, WITHIN } from './test-installation.ts'
import { TEST_FACTS } from './test-authority.ts'

const GONE = new PolisError('Unavailable', 'gone')

let at: TestInstallation

beforeEach(async () => {
  at = await TestInstallation.start()
})

afterEach(async () => {
  await at[Symbol.asyncDispose]()
})

describe('a node that connects', () => {
  test('is called, and its facts and drivers are told', async () => {
    await at.connectAgent({ identity: await at.authority.nodeIdentity('n1') })
    await at.isConnected('n1')
    expect(await at.builderOf('n1').listImages({}, soon())).toEqual({ images: [] })
    await until(() => at.authority.news.length === 2, { ...WITHIN, what: 'its facts' })
    expect(at.authority.news).toEqual(['connected n1', 'reported n1'])
    expect(at.authority.reports).toEqual([TEST_FACTS])
  })

  test('is Unavailable before and afterwards, under the name that people know', async () => {
    const away = { code: 'Unavailable', message: 'node web-1 is away' }
    expect(await errorOf(at.builderOf('n1').listImages({}, soon()))).toMatchObject(away)
    const agent = await at.connectAgent({ identity: await at.authority.nodeIdentity('n1') })
    await at.isConnected('n1')
    agent.close(GONE)
    await until(() => at.authority.news.at(-1) === 'lost n1', { ...WITHIN, what: 'its loss' })
    expect(await errorOf(at.builderOf('n1').listImages({}, soon()))).toMatchObject(away)
  })

  test('again takes over from its older connection, which is told why', async () => {
    const identity = await at.authority.nodeIdentity('n1')
    const older = await at.connectAgent({ identity, sessionUid: 's1' })
    await at.isConnected('n1')
    const builder = new FakeBuilder()
    await at.connectAgent({ identity, sessionUid: 's2', builder })
    await isOver(older)
    expect(older.closed.reason).toMatchObject({ code: 'Aborted' })
    expect(await at.builderOf('n1').listImages({}, soon())).toEqual({ images: [] })
    await until(() => at.authority.news.length === 5, { ...WITHIN, what: 'the news' })
    expect(at.authority.news).toEqual([
      'connected n1',
      'reported n1',
      'lost n1',
      'connected n1',
      'reported n1',
    ])
  })

  test('carries streams on its bulk connection, and on the other one without it', async () => {
    const identity = await at.authority.nodeIdentity('n1')
    const [near, far] = [new FakeBuilder(), new FakeBuilder()]
    await at.connectAgent({ identity, builder: near })
    await at.isConnected('n1')
    const build = async (): Promise<void> => {
      for await (const _ of at.builderOf('n1').build(BUILD, soon()));
    }
    await build()
    expect([near.built.length, far.built.length]).toEqual([1, 0])
    const bulk = await at.connectAgent({ identity, builder: far, purpose: 'bulk' })
    await until(
      async () => {
        await build()
        return far.built.length === 1
      },
      { ...WITHIN, what: 'a build on the bulk connection' },
    )
    await at.builderOf('n1').listImages({}, soon())
    bulk.close(GONE)
    const before = near.built.length
    await until(
      async () => {
        await build().catch(() => undefined)
        return near.built.length > before
      },
      { ...WITHIN, what: 'a build on the control connection' },
    )
  })

  test('cannot take over the streams of another node by naming its session', async () => {
    const [mine, theirs] = [new FakeBuilder(), new FakeBuilder()]
    await at.connectAgent({ identity: await at.authority.nodeIdentity('n1'), builder: mine })
    const identity = await at.authority.nodeIdentity('n2')
    await at.connectAgent({ identity, builder: theirs, purpose: 'bulk' })
    await at.connectAgent({ identity, sessionUid: 's2' })
    await at.isConnected('n1')
    await at.isConnected('n2')
    for await (const _ of at.builderOf('n1').build(BUILD, soon()));
    expect([mine.built.length, theirs.built.length]).toEqual([1, 0])
  })
})

describe('strangers', () => {
  test('who speak no TLS, or no protocol of ours, are left standing', async () => {
    const plain = net.connect(at.address.port, at.address.host)
    plain.on('error', () => undefined).write('GET / HTTP/1.1\r\n\r\n')
    await once(plain, 'close')
    const other = tls.connect({
      ...at.address,
      rejectUnauthorized: false,
      ALPNProtocols: ['http/1.1'],
    })
    await once(other, 'error')
    const none = tls.connect({ ...at.address, rejectUnauthorized: false })
    await once(
      none.on('error', () => undefined),
      'close',
    )
    await at.connectAgent({ identity: await at.authority.nodeIdentity('n1') })
    await at.isConnected('n1')
    expect(at.authority.news).toContain('connected n1')
  })

  test('cannot fill the port up', async () => {
    const { caPem } = at
    const sockets = await Promise.all(
      Array.from({ length: 130 }, () =>
        dial({ address: at.address, caPem, alpn: ALPN.calls }, soon()),
      ),
    )
    for (const socket of sockets) socket.on('error', () => undefined).resume()
    await until(() => sockets.filter(({ destroyed }) => destroyed).length === 30, {
      ...WITHIN,
      what: 'the end of all but a hundred',
    })
    await at.connectAgent({ identity: await at.authority.nodeIdentity('n1') })
    await at.isConnected('n1')
    expect(at.authority.news).toContain('connected n1')
    for (const socket of sockets) socket.destroy()
  }, 20_000)
})
