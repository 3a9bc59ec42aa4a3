import 'reflect-metadata'
import { X509Certificate } from 'node:crypto'
import * as x509 from '@peculiar/x509'
import { TestClock } from '@polis/lib/test-clock'
import { isUid, newUid } from '@polis/lib/uid'
import { beforeAll, describe, expect, test } from 'vitest'
import { CertificateAuthority, type KeyedCertificate } from './certificate-authority.ts'

const DAY_MS = 24 * 3_600_000
const installationUid = newUid()
const clock = new TestClock()
let root: KeyedCertificate
let authority: CertificateAuthority

beforeAll(async () => {
  x509.cryptoProvider.set(crypto)
  root = await CertificateAuthority.createRoot(installationUid, clock)
  authority = await CertificateAuthority.open({ installationUid, root, clock })
})

async function newRequest(
  algorithm: {
    name: string
    hash: string
    namedCurve?: string
    modulusLength?: number
    publicExponent?: Uint8Array<ArrayBuffer>
  } = {
    name: 'ECDSA',
    namedCurve: 'P-256',
    hash: 'SHA-256',
  },
): Promise<string> {
  const keys = await crypto.subtle.generateKey(
    algorithm as { name: 'ECDSA'; namedCurve: string },
    true,
    ['sign', 'verify'],
  )
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: 'CN=administrator',
    keys,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.SubjectAlternativeNameExtension([
        { type: 'url', value: `spiffe://${installationUid}/server` },
        { type: 'dns', value: 'somebody.else' },
      ]),
    ],
  })
  return request.toString('pem')
}

describe('certificates', () => {
  test('of a node are signed by the root, say who it is, and nothing that the request asked for', async () => {
    const { certificatePem, serialNumber, expiresAt } = await authority.signForNode(
      await newRequest(),
      'node1',
    )
    const certificate = new X509Certificate(certificatePem)
    const issuer = new X509Certificate(authority.caPem)
    expect(certificate.verify(issuer.publicKey)).toBe(true)
    expect(certificate.checkIssued(issuer)).toBe(true)
    expect(certificate.subjectAltName).toBe(`URI:spiffe://${installationUid}/node/node1`)
    expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.2'])
    expect(certificate.ca).toBe(false)
    expect(certificate.serialNumber).toBe(serialNumber)
    expect(expiresAt.getTime() - clock.now().getTime()).toBe(30 * DAY_MS)
    expect(certificate.validToDate).toEqual(expiresAt)
    expect(certificate.validFromDate.getTime()).toBeLessThan(clock.now().getTime())
  })

  test('of the server bring their key and the root along', async () => {
    const server = await authority.issueForServer(['polis.example.org', '127.0.0.1', '::1'])
    const certificate = new X509Certificate(server.certificatePem)
    expect(certificate.subjectAltName).toBe(
      `URI:spiffe://${installationUid}/server, DNS:polis.example.org, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1`,
    )
    expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1'])
    expect(server.certificatePem).toContain(authority.caPem)
    expect(server.privateKeyPem).toContain('BEGIN PRIVATE KEY')
  })

  test('of devices serve and call', async () => {
    const request = await newRequest()
    const { certificatePem } = await authority.signForDevice(request, 'd1', ['*.apps.example.org'])
    const certificate = new X509Certificate(certificatePem)
    expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2'])
    expect(certificate.checkHost('web.apps.example.org')).toBe('*.apps.example.org')
  })

  test('never have the same serial number, nor outlive the root', async () => {
    const request = await newRequest()
    const signed = await Promise.all([1, 2, 3, 4].map(() => authority.signForNode(request, 'n')))
    expect(new Set(signed.map(({ serialNumber }) => serialNumber)).size).toBe(4)
    const late = await CertificateAuthority.open({
      installationUid,
      root,
      clock: new TestClock(new Date(clock.now().getTime() + 3_649 * DAY_MS)),
    })
    const { expiresAt } = await late.signForNode(request, 'n')
    expect(expiresAt).toEqual(new X509Certificate(authority.caPem).validToDate)
  })

  test('live as long as they are told to', async () => {
    const brief = await CertificateAuthority.open({
      installationUid,
      root,
      clock,
      lifeMs: { node: 60_000 },
    })
    const { expiresAt } = await brief.signForNode(await newRequest(), 'n')
    expect(expiresAt.getTime() - clock.now().getTime()).toBe(60_000)
  })

  test.each(['a b', '../x', 'a_b.example', '', 'x'.repeat(300), '*', 'a,DNS:b'])(
    'are not made for the name %j',
    async (name) => {
      const signing = authority.signForDevice(await newRequest(), 'd1', [name])
      await expect(signing).rejects.toMatchObject({ code: 'InvalidArgument', path: 'names' })
    },
  )
})

describe('requests', () => {
  const REFUSED = { code: 'InvalidArgument', path: 'certificateRequest' }

  test.each([
    '',
    'hello',
    '-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----',
  ])('that are none are refused: %j', async (pem) => {
    await expect(authority.signForNode(pem, 'n')).rejects.toMatchObject(REFUSED)
  })

  test('whose signature is not by their own key are refused', async () => {
    const [one, other] = [await newRequest(), await newRequest()].map((pem) =>
      Buffer.from(x509.PemConverter.decodeFirst(pem)),
    )
    if (one === undefined || other === undefined) throw new Error('unreachable')
    // The last 32 bytes of an ECDSA signature are half of it: from another request they are noise.
    const forged = Buffer.concat([one.subarray(0, -8), other.subarray(-8)])
    const pem = x509.PemConverter.encode(forged, 'CERTIFICATE REQUEST')
    await expect(authority.uidOfRequest(pem)).rejects.toMatchObject(REFUSED)
    await expect(authority.signForNode(pem, 'n')).rejects.toMatchObject(REFUSED)
  })

  test.each([
    { name: 'ECDSA', namedCurve: 'P-384', hash: 'SHA-384' },
    {
      name: 'RSASSA-PKCS1-v1_5',
      modulusLength: 2048,
      publicExponent: new Uint8Array([1, 0, 1]),
      hash: 'SHA-256',
    },
  ])('for other keys are refused: %j', async (algorithm) => {
    const request = await newRequest(algorithm)
    await expect(authority.signForNode(request, 'n')).rejects.toMatchObject(REFUSED)
  })
})

test('the uid of a request is its key’s', async () => {
  const [one, other] = [await newRequest(), await newRequest()]
  expect(isUid(await authority.uidOfRequest(one))).toBe(true)
  expect(await authority.uidOfRequest(one)).toBe(await authority.uidOfRequest(one))
  expect(await authority.uidOfRequest(one)).not.toBe(await authority.uidOfRequest(other))
})

test('a root without its own key does not open', async () => {
  const other = await CertificateAuthority.createRoot(installationUid, clock)
  for (const wrong of [
    { ...root, privateKeyPem: other.privateKeyPem },
    { ...root, privateKeyPem: 'nothing' },
    { ...root, certificatePem: '' },
  ]) {
    const opening = CertificateAuthority.open({ installationUid, root: wrong, clock })
    await expect(opening).rejects.toMatchObject({ code: 'InvalidArgument' })
  }
})
