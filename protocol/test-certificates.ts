// Real certificates for tests, from an authority of their own.
import 'reflect-metadata'
import * as x509 from '@peculiar/x509'

x509.cryptoProvider.set(crypto)

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }

type KeyPair = Awaited<ReturnType<typeof generateKeys>>

export interface TestIdentity {
  readonly certificatePem: string
  readonly privateKeyPem: string
}

/** A certificate authority that signs whatever a test asks for. */
export class TestCertificates {
  readonly caPem: string
  readonly #certificate: x509.X509Certificate
  readonly #keys: KeyPair

  private constructor(certificate: x509.X509Certificate, keys: KeyPair) {
    this.#certificate = certificate
    this.#keys = keys
    this.caPem = certificate.toString('pem')
  }

  static async create(): Promise<TestCertificates> {
    const keys = await generateKeys()
    const certificate = await x509.X509CertificateGenerator.createSelfSigned({
      name: 'CN=Test CA',
      keys,
      signingAlgorithm: ALGORITHM,
      ...validFor(3_600_000),
      extensions: [
        new x509.BasicConstraintsExtension(true, 0, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
      ],
    })
    return new TestCertificates(certificate, keys)
  }

  /** A certificate with a new key; a negative `lifeMs` makes it expired. */
  async issue(spiffeId: string, lifeMs = 600_000): Promise<TestIdentity> {
    const keys = await generateKeys()
    const certificatePem = await this.#sign(
      spiffeId,
      await x509.PublicKey.create(keys.publicKey),
      lifeMs,
    )
    const pkcs8 = await crypto.subtle.exportKey('pkcs8', keys.privateKey)
    return { certificatePem, privateKeyPem: x509.PemConverter.encode(pkcs8, 'PRIVATE KEY') }
  }

  /** A certificate for the key of a PKCS #10 request. */
  async sign(spiffeId: string, requestPem: string, lifeMs = 600_000): Promise<string> {
    const request = new x509.Pkcs10CertificateRequest(requestPem)
    if (!(await request.verify())) throw new Error('the request is not signed by its own key')
    return this.#sign(spiffeId, request.publicKey, lifeMs)
  }

  async #sign(spiffeId: string, publicKey: x509.PublicKey, lifeMs: number): Promise<string> {
    const certificate = await x509.X509CertificateGenerator.create({
      subject: 'CN=polis',
      issuer: this.#certificate.subject,
      publicKey,
      signingKey: this.#keys.privateKey,
      signingAlgorithm: ALGORITHM,
      ...validFor(lifeMs),
      extensions: [
        new x509.ExtendedKeyUsageExtension([
          x509.ExtendedKeyUsage.serverAuth,
          x509.ExtendedKeyUsage.clientAuth,
        ]),
        new x509.SubjectAlternativeNameExtension([{ type: 'url', value: spiffeId }], true),
      ],
    })
    return certificate.toString('pem')
  }
}

function generateKeys() {
  return crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])
}

function validFor(lifeMs: number): { notBefore: Date; notAfter: Date } {
  const nowMs = Date.now()
  return {
    notBefore: new Date(nowMs - 1_000 + Math.min(lifeMs, 0)),
    notAfter: new Date(nowMs + lifeMs),
  }
}
