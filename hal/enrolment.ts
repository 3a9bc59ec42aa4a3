import type { NodeFacts } from '@polis/resources/node'
import { z } from 'zod'
import type { DriverManifest } from './driver.ts'

/** A certificate and what to trust with it. */
export interface IssuedCertificate {
  /** PEM: the leaf. */
  readonly certificatePem: string
  /** PEM: one or more certificates of Polis' CA. */
  readonly caPem: string
}

export interface EnrolledNode extends IssuedCertificate {
  readonly installationUid: string
  readonly nodeUid: string
  readonly nodeName: string
}

/** What a node keeps of its enrolment, with the key that never leaves it. */
export const NodeIdentity = z.object({
  installationUid: z.string(),
  nodeUid: z.string(),
  nodeName: z.string(),
  certificatePem: z.string(),
  caPem: z.string(),
  privateKeyPem: z.string(),
})
export type NodeIdentity = Readonly<z.infer<typeof NodeIdentity>>

/** What decides about nodes' certificates: the kernel. Whoever holds the connections asks, and decides nothing. */
export interface EnrolmentAuthority {
  /**
   * A new node and its first certificate. `secret` is that of the join token. Throws Unauthenticated for one that is
   * unknown, expired, used up or revoked, and InvalidArgument, using nothing up, for a request that is no PKCS #10
   * or not signed by its own key. Repeated with the same key and secret, as after a lost answer, it is the same node
   * and uses nothing up.
   */
  enrol(request: EnrolRequest): Promise<EnrolledNode>
  /** A new certificate for a node, whose present one goes on holding. Throws PermissionDenied for a removed node. */
  renew(nodeUid: string, certificateRequestPem: string): Promise<IssuedCertificate>
  /** Throws PermissionDenied unless the device is the node's, InvalidArgument for a name that is no host name or address. */
  issueDeviceCertificate(request: DeviceCertificateRequest): Promise<IssuedCertificate>
  /** True when that certificate must not be accepted though it is signed and in date. */
  isRevoked(nodeUid: string, serialNumber: string): Promise<boolean>
  /** The bytes of a content-addressed blob (`sha256:…`). Throws NotFound. */
  openBlob(digest: string, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>>
}

export interface EnrolRequest {
  readonly secret: string
  readonly certificateRequestPem: string
  readonly facts: NodeFacts
}

export interface DeviceCertificateRequest {
  readonly nodeUid: string
  readonly deviceUid: string
  /** DNS names and IP addresses. */
  readonly names: readonly string[]
  readonly certificateRequestPem: string
}

/**
 * What is told of nodes by whoever holds their connections. For one node the calls come one after another:
 * `connected`, then any number of `reported`, then `lost`, and so on. Must not throw for long: a failure is logged
 * and the connection kept.
 */
export interface NodeObserver {
  connected(nodeUid: string, manifests: readonly DriverManifest[]): Promise<void>
  reported(nodeUid: string, facts: NodeFacts): Promise<void>
  lost(nodeUid: string): Promise<void>
}
