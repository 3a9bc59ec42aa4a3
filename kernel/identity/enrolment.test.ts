import 'reflect-metadata'
import { X509Certificate } from 'node:crypto'
import * as x509 from '@peculiar/x509'
import { PolisError } from '@polis/lib/error'
import { silentLogger } from '@polis/lib/logger'
import { TestClock } from '@polis/lib/test-clock'
import { newUid } from '@polis/lib/uid'
import type { NodeFacts } from '@polis/resources/node'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Tokens } from '../access/tokens.ts'
import { Nodes } from '../nodes.ts'
import { ObjectCache } from '../objects/object-cache.ts'
import { ObjectWriter } from '../objects/object-writer.ts'
import { openMemoryStore } from '../store/memory-store.ts'
import type { Store } from '../store/store.ts'
import { CertificateAuthority } from './certificate-authority.ts'
import { Enrolment } from './enrolment.ts'

const HOUR_MS = 3_600_000
const installationUid = newUid()
const FACTS: NodeFacts = {
  hostName: 'Web_1',
  os: 'Debian GNU/Linux 12',
  kernelRelease: '6.1.0',
  architecture: 'x64',
  cpus: 2,
  memoryBytes: 1,
  memoryAvailableBytes: 1,
  diskBytes: 1,
  diskAvailableBytes: 1,
  addresses: [],
  agentVersion: '0.1.0',
  bootId: 'b',
  reportedAt: '2026-01-01T00:00:00.000Z',
}

let clock: TestClock
let cache: ObjectCache
let writer: ObjectWriter
let tokens: Tokens
let enrolment: Enrolment
let certificateRequestPem: string
let ending: AbortController
let store: Store

beforeEach(async () => {
  clock = new TestClock()
  ending = new AbortController()
  store = openMemoryStore({ clock })
  cache = new ObjectCache(store)
  await cache.load()
  void cache.follow(ending.signal)
  writer = new ObjectWriter({ store, cache, clock })
  tokens = new Tokens({ store, cache, writer, clock })
  const root = await CertificateAuthority.createRoot(installationUid, clock)
  enrolment = new Enrolment({
    installationUid,
    certificateAuthority: await CertificateAuthority.open({ installationUid, root, clock }),
    tokens,
    nodes: new Nodes({ cache, writer, clock }),
    reader: cache,
    blobs: { open: async () => Promise.reject(new PolisError('NotFound', 'no such blob')) },
    logger: silentLogger,
  })
  certificateRequestPem = await newRequest()
})

afterEach(async () => {
  ending.abort()
  await store.close()
})

async function newRequest(): Promise<string> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    keys,
    signingAlgorithm: algorithm,
  })
  return request.toString('pem')
}

const newToken = async (uses: number): Promise<string> =>
  (await tokens.create({ purpose: 'join', scope: 'viewer', lifeMs: HOUR_MS, uses })).text

/** As a node with a key of its own, or with that of `request`. */
const enrol = async (secret: string, request?: string) =>
  enrolment.enrol({ secret, certificateRequestPem: request ?? (await newRequest()), facts: FACTS })

const codeOf = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => 'no error',
    (error: unknown) => (error instanceof PolisError ? error.code : error),
  )

describe('enrolling', () => {
  test('makes a node with a name of its own and a certificate for it', async () => {
    const node = await enrol(await newToken(1))
    expect(node).toMatchObject({ installationUid, nodeName: 'web-1' })
    expect(cache.get('Node', node.nodeUid).metadata.name).toBe('web-1')
    const { subjectAltName } = new X509Certificate(node.certificatePem)
    expect(subjectAltName).toBe(`URI:spiffe://${installationUid}/node/${node.nodeUid}`)
  })

  test('is refused for a token that is unknown, used up, expired, revoked, or for something else', async () => {
    const [used, expired, revoked] = [await newToken(1), await newToken(9), await newToken(9)]
    const api = await tokens.create({ purpose: 'api', scope: 'administrator', lifeMs: HOUR_MS })
    await enrol(used)
    expect(await codeOf(enrol(used))).toBe('Unauthenticated')
    expect(await codeOf(enrol(api.text))).toBe('Unauthenticated')
    expect(await codeOf(enrol('polis_nobody'))).toBe('Unauthenticated')
    const token = await tokens.find(revoked)
    if (token === undefined) throw new Error('unreachable')
    await writer.commit([{ type: 'requestDeletion', before: token }])
    expect(await codeOf(enrol(revoked))).toBe('Unauthenticated')
    clock.advance(HOUR_MS)
    expect(await codeOf(enrol(expired))).toBe('Unauthenticated')
    expect(cache.list('Node')).toHaveLength(1)
  })

  test('with a token for two lets two in, when five try at once', async () => {
    const token = await newToken(2)
    const outcomes = await Promise.all(Array.from({ length: 5 }, () => codeOf(enrol(token))))
    expect(outcomes.filter((outcome) => outcome === 'no error')).toHaveLength(2)
    expect(outcomes.filter((outcome) => outcome === 'Unauthenticated')).toHaveLength(3)
    const names = cache.list('Node').map(({ metadata }) => metadata.name)
    expect(new Set(names)).toEqual(new Set(['web-1', 'web-1-2']))
  })

  test('again with the same key, as after a lost answer, is the same node and uses nothing up', async () => {
    const token = await newToken(1)
    const first = await enrol(token, certificateRequestPem)
    const second = await enrol(token, certificateRequestPem)
    expect(second).toMatchObject({ nodeUid: first.nodeUid, nodeName: first.nodeName })
    expect(cache.list('Node')).toHaveLength(1)
    expect(await codeOf(enrol('polis_guessed', certificateRequestPem))).toBe('Unauthenticated')
  })

  test('with a broken request does not use up the token', async () => {
    const token = await newToken(1)
    expect(await codeOf(enrol(token, 'nonsense'))).toBe('InvalidArgument')
    expect(await codeOf(enrol(token))).toBe('no error')
  })
})

describe('a node', () => {
  test('gets its certificate renewed until it is removed', async () => {
    const { nodeUid } = await enrol(await newToken(1))
    const renewed = await enrolment.renew(nodeUid, certificateRequestPem)
    expect(new X509Certificate(renewed.certificatePem).subjectAltName).toContain(nodeUid)
    expect(await enrolment.isRevoked(nodeUid)).toBe(false)
    const node = cache.get('Node', nodeUid)
    await writer.commit([{ type: 'requestDeletion', before: node }])
    expect(await enrolment.isRevoked(nodeUid)).toBe(false)
    await writer.commit([{ type: 'remove', before: cache.get('Node', nodeUid) }])
    expect(await enrolment.isRevoked(nodeUid)).toBe(true)
    expect(await codeOf(enrolment.renew(nodeUid, certificateRequestPem))).toBe('PermissionDenied')
  })

  test('gets certificates for its own devices only', async () => {
    const [{ nodeUid }, other] = [await enrol(await newToken(1)), await enrol(await newToken(1))]
    const deviceUid = newUid()
    const spec = { driver: 'oci-registry', class: 'registry', nodeUid, parameters: {} }
    await writer.commit([
      {
        type: 'create',
        draft: { kind: 'Device', metadata: { uid: deviceUid, name: 'registry' }, spec },
      },
    ])
    const request = { deviceUid, names: ['registry.example.org'], certificateRequestPem }
    const issued = await enrolment.issueDeviceCertificate({ ...request, nodeUid })
    expect(new X509Certificate(issued.certificatePem).subjectAltName).toBe(
      `URI:spiffe://${installationUid}/device/${deviceUid}, DNS:registry.example.org`,
    )
    const stolen = enrolment.issueDeviceCertificate({ ...request, nodeUid: other.nodeUid })
    expect(await codeOf(stolen)).toBe('PermissionDenied')
    const unknown = enrolment.issueDeviceCertificate({ ...request, nodeUid, deviceUid: newUid() })
    expect(await codeOf(unknown)).toBe('PermissionDenied')
  })
})
