import type { TLSSocket } from 'node:tls'
import { parseSpiffeId, type SpiffeIdentity } from '@polis/hal/spiffe'
import { PolisError } from '@polis/lib/error'

/** A certificate, its key and what to trust, PEM. */
export interface TlsIdentity {
  readonly certificatePem: string
  readonly privateKeyPem: string
  readonly caPem: string
}

/** Who is at the other end, proven by its certificate. */
export interface TlsPeer {
  readonly installationUid: string
  readonly identity: SpiffeIdentity
  readonly serialNumber: string
}

/** Who is at the other end of a TLS connection: undefined without a certificate that our CA signed and that is in date. */
export function findPeer(socket: TLSSocket): TlsPeer | undefined {
  const certificate = socket.getPeerX509Certificate()
  if (!socket.authorized || certificate === undefined) return undefined
  const named = findSpiffeId(certificate.subjectAltName)
  return named === undefined ? undefined : { ...named, serialNumber: certificate.serialNumber }
}

/** Why `findPeer` found nobody. */
export function explainUnknownPeer(socket: TLSSocket): PolisError {
  const hint = 'join this node again with a new token'
  if (socket.getPeerX509Certificate() === undefined) {
    return new PolisError('Unauthenticated', 'a certificate is needed here', { hint })
  }
  // Node sets the code of OpenSSL's verdict here, whatever its types say.
  const verdict = String(socket.authorizationError)
  const message = verdict.includes('CERT_HAS_EXPIRED')
    ? 'the certificate of this node has expired'
    : 'the certificate is not one of this installation'
  return new PolisError('Unauthenticated', message, { hint, cause: new Error(verdict) })
}

/** The one SPIFFE id among a certificate's names as Node prints them: `URI:spiffe://…, DNS:…`. */
export function findSpiffeId(
  names: string | undefined,
): { readonly installationUid: string; readonly identity: SpiffeIdentity } | undefined {
  const uris = (names ?? '').split(', ').filter((name) => name.startsWith('URI:'))
  const [uri] = uris
  // The SPIFFE standard: exactly one URI name.
  return uri === undefined || uris.length !== 1 ? undefined : parseSpiffeId(uri.slice(4))
}
