import { once } from 'node:events'
import { isIP } from 'node:net'
import tls, { type TLSSocket } from 'node:tls'
import { createHash, type X509Certificate } from 'node:crypto'
import { PolisError } from '@polis/lib/error'
import { ALPN } from './alpn.ts'
import { findSpiffeId } from './tls-peer.ts'

/** Where the kernel listens for agents. */
export interface KernelAddress {
  readonly host: string
  readonly port: number
}

export interface DialOptions {
  readonly address: KernelAddress
  /** What to trust: the server must have a certificate of this CA that says it is the server. */
  readonly caPem: string
  /** Of this installation, when it is known already. */
  readonly installationUid?: string
  /** Absent for a node that has none yet. */
  readonly certificate?: { readonly certificatePem: string; readonly privateKeyPem: string }
  readonly alpn: (typeof ALPN)[keyof typeof ALPN]
}

const CONNECT_WITHIN_MS = 10_000

/**
 * A TLS connection to the kernel, whoever's address it has: the certificate's SPIFFE id counts, not its host name, so
 * that a server may move. Throws Unavailable when nobody answers, Unauthenticated for a server that is not ours.
 */
export async function dial(options: DialOptions, signal: AbortSignal): Promise<TLSSocket> {
  const { address, caPem, installationUid, certificate, alpn } = options
  const socket = tls.connect({
    ...toTarget(address),
    ca: caPem,
    ALPNProtocols: [alpn],
    checkServerIdentity: (_host, { subjectaltname }) =>
      isServer(subjectaltname, installationUid) ? undefined : new Error('not the server of Polis'),
    ...(certificate === undefined
      ? {}
      : { cert: certificate.certificatePem, key: certificate.privateKeyPem }),
  })
  await connected(socket, address, signal)
  // From here on its HTTP/2 session tells what breaks it.
  return socket.on('error', () => undefined)
}

/**
 * The certificate (PEM) of the CA that has this SHA-256 digest, as the server at `address` shows it. Nothing is sent
 * beyond the TLS handshake. Throws PermissionDenied when the server shows no such certificate.
 */
export async function fetchCertificateAuthority(
  address: KernelAddress,
  caDigest: string,
  signal: AbortSignal,
): Promise<string> {
  // Nothing is trusted yet: whatever is shown is only compared with the digest.
  const socket = tls.connect({
    ...toTarget(address),
    rejectUnauthorized: false,
    ALPNProtocols: [ALPN.calls],
  })
  try {
    await connected(socket, address, signal)
    for (const certificate of chainOf(socket)) {
      const digest = createHash('sha256').update(certificate.raw).digest('hex')
      if (digest === caDigest && certificate.ca) return certificate.toString()
    }
  } finally {
    socket.destroy()
  }
  throw new PolisError(
    'PermissionDenied',
    `the server at ${toText(address)} is not the one that the join token is for`,
    { hint: 'check the address, and that the token is of that installation' },
  )
}

function chainOf(socket: TLSSocket): readonly X509Certificate[] {
  const chain: X509Certificate[] = []
  for (
    let next = socket.getPeerX509Certificate();
    next !== undefined && chain.length < 10;
    next = next.issuerCertificate
  ) {
    chain.push(next)
  }
  return chain
}

function isServer(names: string | undefined, installationUid: string | undefined): boolean {
  const id = findSpiffeId(names)
  if (id?.identity.type !== 'server') return false
  return installationUid === undefined || id.installationUid === installationUid
}

function toTarget({ host, port }: KernelAddress): tls.ConnectionOptions {
  // An address is no name that TLS could ask for.
  const servername = isIP(host) === 0 ? { servername: host } : {}
  return { host, port, minVersion: 'TLSv1.3', ...servername }
}

async function connected(
  socket: TLSSocket,
  address: KernelAddress,
  signal: AbortSignal,
): Promise<void> {
  const within = AbortSignal.timeout(CONNECT_WITHIN_MS)
  try {
    await once(socket, 'secureConnect', { signal: AbortSignal.any([signal, within]) })
  } catch (cause) {
    socket.on('error', () => undefined).destroy()
    signal.throwIfAborted()
    throw toDialError(address, cause)
  }
}

function toDialError(address: KernelAddress, cause: unknown): PolisError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
  const isNotOurs = /CERT|SELF_SIGNED|ISSUER/.test(code) || /not the server/.test(String(cause))
  if (isNotOurs) {
    return new PolisError(
      'Unauthenticated',
      `the server at ${toText(address)} is not that of this installation`,
      { cause, hint: 'check the address of the server' },
    )
  }
  return new PolisError('Unavailable', `the server at ${toText(address)} does not answer`, {
    cause,
  })
}

function toText({ host, port }: KernelAddress): string {
  return isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`
}
