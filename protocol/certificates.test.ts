import { once } from 'node:events'
import tls from 'node:tls'
import { toSpiffeId } from '@polis/hal/spiffe'
import { Channel } from '@polis/lib/channel'
import { until } from '@polis/lib/until'
import type { NodeFacts } from '@polis/resources/node'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ALPN } from './alpn.ts'
import { newKeyWithRequest } from './certificate-request.ts'
import { dial, fetchCertificateAuthority, type KernelAddress } from './dial.ts'
import { TEST_FACTS, TestAuthority } from './test-authority.ts'
import { TestCertificates } from './test-certificates.ts'
import {
  digestOfPem,
  errorOf,
  isOver,
  soon,
  TestInstallation,
  WITHIN,
} from './test-installation.ts'
import type { TlsIdentity } from './tls-peer.ts'

let at: TestInstallation

beforeEach(async () => {
  at = await TestInstallation.start()
})

afterEach(async () => {
  await at[Symbol.asyncDispose]()
})

describe('a certificate', () => {
  test('of a removed node is refused, and its connection ended when it is removed meanwhile', async () => {
    const identity = await at.authority.nodeIdentity('n1')
    const agent = await at.connectAgent({ identity })
    await at.isConnected('n1')
    at.authority.nodeUids.delete('n1')
    at.listener.disconnect('n1')
    await isOver(agent)
    expect(agent.closed.reason).toMatchObject({ code: 'PermissionDenied' })
    const again = await at.connectAgent({ identity })
    await isOver(again)
    expect(again.closed.reason).toMatchObject({
      code: 'PermissionDenied',
      message: 'this node was removed from the installation',
    })
    const { certificateRequestPem } = await newKeyWithRequest()
    const renewing = errorOf(at.clientOf(identity).renew(certificateRequestPem, soon()))
    expect(await renewing).toMatchObject({ code: 'PermissionDenied' })
  })

  test('of a node that was removed unnoticed ends its connection at the next report', async () => {
    const reports = new Channel<NodeFacts>()
    const identity = await at.authority.nodeIdentity('n1')
    const observe = (signal: AbortSignal): AsyncIterable<NodeFacts> => reports.read(signal)
    const agent = await at.connectAgent({ identity, observe })
    reports.push(TEST_FACTS)
    await until(() => at.authority.reports.length === 1, { ...WITHIN, what: 'its facts' })
    at.authority.nodeUids.delete('n1')
    reports.push(TEST_FACTS)
    await isOver(agent)
    expect(agent.closed.reason).toMatchObject({ code: 'PermissionDenied' })
  })

  test('that has expired is refused in words', async () => {
    const agent = await at.connectAgent({
      identity: await at.authority.nodeIdentity('n1', -60_000),
    })
    await isOver(agent)
    expect(agent.closed.reason).toMatchObject({
      code: 'Unauthenticated',
      message: 'the certificate of this node has expired',
    })
  })

  test('of another CA is refused', async () => {
    const foreign = await TestCertificates.create()
    const id = toSpiffeId(at.authority.installationUid, { type: 'node', uid: 'n1' })
    at.authority.nodeUids.add('n1')
    const agent = await at.connectAgent({ identity: { ...(await foreign.issue(id)), caPem: '' } })
    await isOver(agent)
    expect(agent.closed.reason).toMatchObject({
      code: 'Unauthenticated',
      message: 'the certificate is not one of this installation',
    })
    expect(at.authority.news).toEqual([])
  })

  test.each([
    ['a device', { type: 'device', uid: 'n1' }],
    ['the server', { type: 'server' }],
  ] as const)('of %s is none of a node', async (_who, identity) => {
    at.authority.nodeUids.add('n1')
    const id = toSpiffeId(at.authority.installationUid, identity)
    const certificate = await at.authority.certificates.issue(id)
    const agent = await at.connectAgent({ identity: { ...certificate, caPem: '' } })
    await isOver(agent)
    expect(agent.closed.reason).toMatchObject({ code: 'PermissionDenied' })
    const { certificateRequestPem } = await newKeyWithRequest()
    const client = at.clientOf({ ...certificate, caPem: '' })
    expect(await errorOf(client.renew(certificateRequestPem, soon()))).toMatchObject({
      code: 'Unauthenticated',
    })
  })

  test('is renewed on a connection of its own while the node goes on working', async () => {
    const identity = await at.authority.nodeIdentity('n1')
    const agent = await at.connectAgent({ identity })
    await at.isConnected('n1')
    const key = await newKeyWithRequest()
    const renewed = await at.clientOf(identity).renew(key.certificateRequestPem, soon())
    expect(agent.closed.aborted).toBe(false)
    await at.connectAgent({ identity: { ...renewed, privateKeyPem: key.privateKeyPem } })
    await isOver(agent)
    expect(await at.builderOf('n1').listImages({}, soon())).toEqual({ images: [] })
  })

  test('for a device is given to a node only', async () => {
    const { certificateRequestPem } = await newKeyWithRequest()
    const ask = (identity: TlsIdentity | undefined, deviceUid: string): Promise<unknown> =>
      errorOf(
        at
          .clientOf(identity)
          .issueDeviceCertificate({ deviceUid, names: ['a.test'], certificateRequestPem }, soon()),
      )
    const identity = await at.authority.nodeIdentity('n1')
    expect(await ask(identity, 'n1-registry')).toBe('no error')
    expect(await ask(identity, 'n2-registry')).toMatchObject({ code: 'PermissionDenied' })
    expect(await ask(undefined, 'n1-registry')).toMatchObject({ code: 'Unauthenticated' })
  })

  test('of the server can be exchanged while it runs', async () => {
    const before = await dial({ address: at.address, caPem: at.caPem, alpn: ALPN.calls }, soon())
    const shown = before.getPeerX509Certificate()?.serialNumber
    at.listener.setIdentity(await at.authority.serverIdentity())
    const after = await dial({ address: at.address, caPem: at.caPem, alpn: ALPN.calls }, soon())
    expect(after.getPeerX509Certificate()?.serialNumber).not.toBe(shown)
    expect(before.destroyed).toBe(false)
    before.destroy()
    after.destroy()
    await at.connectAgent({ identity: await at.authority.nodeIdentity('n1') })
    await at.isConnected('n1')
  })
})

describe('enrolling', () => {
  test('finds the CA by its digest and gets a certificate that works', async () => {
    at.authority.tokens.set('secret', 1)
    const { caPem } = at
    const fetched = await fetchCertificateAuthority(at.address, digestOfPem(caPem), soon())
    expect(digestOfPem(fetched)).toBe(digestOfPem(caPem))
    const { privateKeyPem, certificateRequestPem } = await newKeyWithRequest()
    const request = { secret: 'secret', certificateRequestPem, facts: TEST_FACTS }
    const node = await at.clientOf(undefined).enrol(request, soon())
    expect(node).toMatchObject({
      nodeName: 'web-1',
      installationUid: at.authority.installationUid,
    })
    await at.connectAgent({ identity: { ...node, privateKeyPem } })
    await at.isConnected(node.nodeUid)
    const another = { ...request, ...(await newKeyWithRequest()) }
    expect(await errorOf(at.clientOf(undefined).enrol(another, soon()))).toMatchObject({
      code: 'Unauthenticated',
      message: 'the token is not valid',
    })
  })

  /** A server that shows a certificate and writes down what is said to it after the handshake. */
  async function withImpostor(
    identity: Omit<TlsIdentity, 'caPem'>,
    meet: (address: KernelAddress) => Promise<void>,
  ): Promise<readonly unknown[]> {
    const heard: unknown[] = []
    const { certificatePem: cert, privateKeyPem: key } = identity
    const impostor = tls.createServer({ cert, key, ALPNProtocols: ['h2'] }, (socket) => {
      socket.on('error', () => undefined)
      socket.on('data', (bytes: Buffer) => heard.push(bytes))
    })
    impostor.listen(0, '127.0.0.1')
    await once(impostor, 'listening')
    const bound = impostor.address()
    if (bound === null || typeof bound === 'string') throw new Error('unreachable')
    try {
      await meet({ host: '127.0.0.1', port: bound.port })
    } finally {
      impostor.close()
      await once(impostor, 'close')
    }
    return heard
  }

  test('says nothing to a server that has not the digest of the token', async () => {
    const foreign = await TestAuthority.create()
    const heard = await withImpostor(await foreign.serverIdentity(), async (address) => {
      const fetching = fetchCertificateAuthority(address, digestOfPem(at.caPem), soon())
      expect(await errorOf(fetching)).toMatchObject({ code: 'PermissionDenied' })
      // Nor does a node that knows the CA already.
      const dialling = dial({ address, caPem: at.caPem, alpn: ALPN.calls }, soon())
      expect(await errorOf(dialling)).toMatchObject({ code: 'Unauthenticated' })
    })
    expect(heard).toEqual([])
  })

  test('says nothing to a server that shows the right CA without being of it', async () => {
    const foreign = await TestAuthority.create()
    const { certificatePem, privateKeyPem } = await foreign.serverIdentity()
    const [leaf = ''] = certificatePem.split('\n\n')
    const mixed = { certificatePem: `${leaf}\n${at.caPem}`, privateKeyPem }
    const heard = await withImpostor(mixed, async (address) => {
      const dialling = dial({ address, caPem: at.caPem, alpn: ALPN.calls }, soon())
      expect(await errorOf(dialling)).toMatchObject({ code: 'Unauthenticated' })
    })
    expect(heard).toEqual([])
  })

  test.each([
    ['a node', { type: 'node', uid: 'n1' }],
    ['a device', { type: 'device', uid: 'd1' }],
  ] as const)('says nothing to %s that poses as the server', async (_who, identity) => {
    const id = toSpiffeId(at.authority.installationUid, identity)
    const certificate = await at.authority.certificates.issue(id)
    const heard = await withImpostor(certificate, async (address) => {
      const dialling = dial({ address, caPem: at.caPem, alpn: ALPN.calls }, soon())
      expect(await errorOf(dialling)).toMatchObject({ code: 'Unauthenticated' })
    })
    expect(heard).toEqual([])
  })

  test('says nothing to the server of another installation', async () => {
    const installationUid = 'another'
    const dialling = dial(
      { address: at.address, caPem: at.caPem, installationUid, alpn: ALPN.calls },
      soon(),
    )
    expect(await errorOf(dialling)).toMatchObject({ code: 'Unauthenticated' })
  })

  test('names a server that is not there', async () => {
    const nobody = { host: '127.0.0.1', port: 1 }
    const dialling = dial({ address: nobody, caPem: at.caPem, alpn: ALPN.calls }, soon())
    expect(await errorOf(dialling)).toMatchObject({
      code: 'Unavailable',
      message: 'the server at 127.0.0.1:1 does not answer',
    })
  })
})
