import 'reflect-metadata'
import { createHash, randomBytes } from 'node:crypto'
import { isIP } from 'node:net'
import * as x509 from '@peculiar/x509'
import { type SpiffeIdentity, toSpiffeId } from '@polis/hal/spiffe'
import type { Clock } from '@polis/lib/clock'
import { PolisError } from '@polis/lib/error'
import { isHostName } from '@polis/lib/names'
import { uidOfBytes } from '@polis/lib/uid'

x509.cryptoProvider.set(crypto)

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
const DAY_MS = 24 * 3_600_000
const ROOT_LIFE_MS = 3_650 * DAY_MS
/** Certificates begin a little in the past, for nodes whose clock is behind. */
const CLOCK_SKEW_MS = 10 * 60_000

/** How long certificates live. Agents renew at two thirds. */
const LIFE_MS: Readonly<Record<SpiffeIdentity['type'], number>> = {
  server: 90 * DAY_MS,
  node: 30 * DAY_MS,
  device: 90 * DAY_MS,
}

/** A certificate with its private key, PEM: what boot keeps outside the store. */
export interface KeyedCertificate {
  readonly certificatePem: string
  /** PKCS #8. */
  readonly privateKeyPem: string
}

/** A certificate signed for somebody else's key. */
export interface SignedCertificate {
  readonly certificatePem: string
  /** Hexadecimal, upper case, as X.509 tools print it. */
  readonly serialNumber: string
  readonly expiresAt: Date
}

export interface CertificateAuthorityDeps {
  readonly installationUid: string
  readonly root: KeyedCertificate
  readonly clock: Clock
  /** In place of the usual lives, such as for tests of renewal. */
  readonly lifeMs?: Partial<Readonly<Record<SpiffeIdentity['type'], number>>>
}

type KeyPair = Awaited<ReturnType<typeof generateKeys>>

/** Polis' own certificate authority: ECDSA P-256, one root, names by SPIFFE. Keeps nothing: each call stands alone. */
export class CertificateAuthority {
  /** PEM of the root. */
  readonly caPem: string
  /** SHA-256 of the root (DER), hexadecimal: what join tokens carry. */
  readonly caDigest: string
  readonly #deps: CertificateAuthorityDeps
  readonly #root: x509.X509Certificate
  readonly #rootKey: KeyPair['privateKey']

  private constructor(
    deps: CertificateAuthorityDeps,
    root: x509.X509Certificate,
    rootKey: KeyPair['privateKey'],
  ) {
    this.#deps = deps
    this.#root = root
    this.#rootKey = rootKey
    this.caPem = root.toString('pem')
    this.caDigest = createHash('sha256').update(new Uint8Array(root.rawData)).digest('hex')
  }

  /** A new root, for an installation's first start. */
  static async createRoot(installationUid: string, clock: Clock): Promise<KeyedCertificate> {
    const keys = await generateKeys()
    const root = await x509.X509CertificateGenerator.createSelfSigned({
      serialNumber: newSerialNumber(),
      name: `CN=Polis CA ${installationUid}`,
      keys,
      signingAlgorithm: ALGORITHM,
      ...validity(clock, ROOT_LIFE_MS),
      extensions: [
        new x509.BasicConstraintsExtension(true, 0, true),
        new x509.KeyUsagesExtension(
          x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign,
          true,
        ),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      ],
    })
    return { certificatePem: root.toString('pem'), privateKeyPem: await toPem(keys.privateKey) }
  }

  /** Throws InvalidArgument when the root's certificate and key are not readable or not a pair. */
  static async open(deps: CertificateAuthorityDeps): Promise<CertificateAuthority> {
    try {
      const root = new x509.X509Certificate(deps.root.certificatePem)
      const pkcs8 = x509.PemConverter.decodeFirst(deps.root.privateKeyPem)
      const rootKey = await crypto.subtle.importKey('pkcs8', pkcs8, ALGORITHM, false, ['sign'])
      const authority = new CertificateAuthority(deps, root, rootKey)
      await authority.#requirePair()
      return authority
    } catch (cause) {
      throw new PolisError('InvalidArgument', 'the root certificate and its key do not open', {
        cause,
        hint: 'restore both from the same backup',
      })
    }
  }

  /** For `polis server`: a new key, and a certificate for these names followed by the root. */
  async issueForServer(names: readonly string[]): Promise<KeyedCertificate & { expiresAt: Date }> {
    const keys = await generateKeys()
    const publicKey = await x509.PublicKey.create(keys.publicKey)
    const signed = await this.#sign({ type: 'server' }, publicKey, names)
    return {
      // A joining node has nothing but the root's digest, so the root comes along.
      certificatePem: `${signed.certificatePem}\n${this.caPem}\n`,
      privateKeyPem: await toPem(keys.privateKey),
      expiresAt: signed.expiresAt,
    }
  }

  /** For the agent of a node. Only the request's key counts; what else it asks for is not looked at. */
  async signForNode(certificateRequestPem: string, nodeUid: string): Promise<SignedCertificate> {
    const key = await readRequest(certificateRequestPem)
    return this.#sign({ type: 'node', uid: nodeUid }, key, [])
  }

  /** For a device that serves under these DNS names and IP addresses. Throws InvalidArgument for any other name. */
  async signForDevice(
    certificateRequestPem: string,
    deviceUid: string,
    names: readonly string[],
  ): Promise<SignedCertificate> {
    const key = await readRequest(certificateRequestPem)
    return this.#sign({ type: 'device', uid: deviceUid }, key, names)
  }

  /**
   * A uid that the request's key determines: the same request is the same holder. Throws InvalidArgument for what is
   * no PKCS #10 request (PEM) for a P-256 key, signed by that key.
   */
  async uidOfRequest(certificateRequestPem: string): Promise<string> {
    const key = await readRequest(certificateRequestPem)
    const digest = createHash('sha256').update(new Uint8Array(key.rawData)).digest()
    return uidOfBytes(digest)
  }

  async #sign(
    identity: SpiffeIdentity,
    publicKey: x509.PublicKey,
    names: readonly string[],
  ): Promise<SignedCertificate> {
    const { installationUid, clock, lifeMs } = this.#deps
    const { notBefore, notAfter } = validity(
      clock,
      lifeMs?.[identity.type] ?? LIFE_MS[identity.type],
    )
    const serialNumber = newSerialNumber()
    const spiffeId = { type: 'url' as const, value: toSpiffeId(installationUid, identity) }
    const certificate = await x509.X509CertificateGenerator.create({
      serialNumber,
      subject: `CN=polis ${identity.type}`,
      issuer: this.#root.subject,
      notBefore,
      // Nothing outlives its issuer.
      notAfter: notAfter < this.#root.notAfter ? notAfter : this.#root.notAfter,
      publicKey,
      signingKey: this.#rootKey,
      signingAlgorithm: ALGORITHM,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension(usagesOf(identity)),
        new x509.SubjectAlternativeNameExtension([spiffeId, ...names.map(toAlternativeName)]),
        await x509.AuthorityKeyIdentifierExtension.create(this.#root.publicKey),
      ],
    })
    return {
      certificatePem: certificate.toString('pem'),
      serialNumber: certificate.serialNumber.toUpperCase(),
      expiresAt: certificate.notAfter,
    }
  }

  async #requirePair(): Promise<void> {
    const text = randomBytes(32)
    const signature = await crypto.subtle.sign(ALGORITHM, this.#rootKey, text)
    const publicKey = await this.#root.publicKey.export()
    if (await crypto.subtle.verify(ALGORITHM, publicKey, signature, text)) return
    throw new Error('the key belongs to another certificate')
  }
}

function usagesOf({ type }: SpiffeIdentity): x509.ExtendedKeyUsage[] {
  switch (type) {
    case 'server':
      return [x509.ExtendedKeyUsage.serverAuth]
    // A node serves on connections that it dialled, so it never is the server of a handshake.
    case 'node':
      return [x509.ExtendedKeyUsage.clientAuth]
    case 'device':
      return [x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]
  }
}

function toAlternativeName(name: string): { type: 'ip' | 'dns'; value: string } {
  if (isIP(name) !== 0) return { type: 'ip', value: name }
  if (isHostName(name)) return { type: 'dns', value: name }
  throw new PolisError('InvalidArgument', 'a certificate is for host names and addresses only', {
    path: 'names',
  })
}

async function readRequest(pem: string): Promise<x509.PublicKey> {
  let request: x509.Pkcs10CertificateRequest
  try {
    request = new x509.Pkcs10CertificateRequest(pem)
  } catch (cause) {
    throw badRequest('it is not PKCS #10', cause)
  }
  const { algorithm } = request.publicKey
  if (!('namedCurve' in algorithm) || algorithm.namedCurve !== ALGORITHM.namedCurve) {
    throw badRequest('its key is not ECDSA P-256')
  }
  const isSigned = await request.verify().catch(() => false)
  if (!isSigned) throw badRequest('it is not signed by its own key')
  return request.publicKey
}

function badRequest(why: string, cause?: unknown): PolisError {
  return new PolisError('InvalidArgument', `the certificate request is refused: ${why}`, {
    path: 'certificateRequest',
    cause,
  })
}

function generateKeys() {
  return crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])
}

async function toPem(key: KeyPair['privateKey']): Promise<string> {
  return x509.PemConverter.encode(await crypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY')
}

/** Positive and never with a leading zero byte, so that it is written one way only. */
function newSerialNumber(): string {
  const bytes = randomBytes(16)
  bytes[0] = (bytes.readUInt8(0) & 0x3f) | 0x40
  return bytes.toString('hex')
}

function validity(clock: Clock, lifeMs: number): { notBefore: Date; notAfter: Date } {
  const nowMs = clock.now().getTime()
  return { notBefore: new Date(nowMs - CLOCK_SKEW_MS), notAfter: new Date(nowMs + lifeMs) }
}
