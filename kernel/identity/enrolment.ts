import type {
  DeviceCertificateRequest,
  EnrolledNode,
  EnrolmentAuthority,
  EnrolRequest,
  IssuedCertificate,
} from '@polis/hal/enrolment'
import { PolisError } from '@polis/lib/error'
import type { Logger } from '@polis/lib/logger'
import { invalidToken, type Tokens } from '../access/tokens.ts'
import type { BlobStore } from '../kernel.ts'
import type { Nodes } from '../nodes.ts'
import type { ObjectReader } from '../objects/object-cache.ts'
import type { CertificateAuthority, SignedCertificate } from './certificate-authority.ts'

export interface EnrolmentDeps {
  readonly installationUid: string
  readonly certificateAuthority: CertificateAuthority
  readonly tokens: Pick<Tokens, 'spend' | 'wasGiven'>
  readonly nodes: Pick<Nodes, 'enrolled'>
  /** All objects of the installation, once they are loaded. */
  readonly reader: ObjectReader
  readonly blobs: Pick<BlobStore, 'open'>
  readonly logger: Logger
}

const MAX_TRIES = 10

/** Decides who becomes a node, and what certificates nodes get. A node is trusted for as long as its object exists. */
export class Enrolment implements EnrolmentAuthority {
  readonly #deps: EnrolmentDeps

  constructor(deps: EnrolmentDeps) {
    this.#deps = deps
  }

  async enrol({ secret, certificateRequestPem, facts }: EnrolRequest): Promise<EnrolledNode> {
    const { installationUid, certificateAuthority, reader } = this.#deps
    // Whoever lost the answer asks again with the same key, and is the same node.
    const nodeUid = await certificateAuthority.uidOfRequest(certificateRequestPem)
    await this.#ensureNode(nodeUid, secret, facts.hostName)
    const signed = await certificateAuthority.signForNode(certificateRequestPem, nodeUid)
    const nodeName = reader.get('Node', nodeUid).metadata.name
    return { ...this.#issue(signed, { nodeUid }), installationUid, nodeUid, nodeName }
  }

  async renew(nodeUid: string, certificateRequestPem: string): Promise<IssuedCertificate> {
    if (await this.isRevoked(nodeUid)) throw notANode()
    const { certificateAuthority } = this.#deps
    const signed = await certificateAuthority.signForNode(certificateRequestPem, nodeUid)
    return this.#issue(signed, { nodeUid })
  }

  async issueDeviceCertificate(request: DeviceCertificateRequest): Promise<IssuedCertificate> {
    const { certificateAuthority, reader } = this.#deps
    const { nodeUid, deviceUid, names, certificateRequestPem } = request
    if (reader.find('Device', deviceUid)?.spec.nodeUid !== nodeUid) {
      throw new PolisError('PermissionDenied', 'the device is not one of this node', {
        path: 'deviceUid',
      })
    }
    const signed = await certificateAuthority.signForDevice(certificateRequestPem, deviceUid, names)
    return this.#issue(signed, { nodeUid, deviceUid, names })
  }

  async isRevoked(nodeUid: string): Promise<boolean> {
    // One that is being removed keeps its agent until nothing of it is left to take down.
    return this.#deps.reader.find('Node', nodeUid) === undefined
  }

  openBlob(digest: string, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
    return this.#deps.blobs.open(digest, signal)
  }

  async #ensureNode(nodeUid: string, secret: string, hostName: string): Promise<void> {
    const { tokens, nodes, reader } = this.#deps
    for (let tries = 1; ; tries += 1) {
      if (reader.find('Node', nodeUid) !== undefined) {
        if (await tokens.wasGiven(secret, 'join')) return
        throw invalidToken()
      }
      const { changes } = await tokens.spend(secret, 'join')
      try {
        await nodes.enrolled(hostName, nodeUid, changes)
        return
      } catch (thrown) {
        // Another node took the name, or one of several uses of the token.
        if (!(thrown instanceof PolisError) || thrown.code !== 'Aborted') throw thrown
        if (tries === MAX_TRIES) throw thrown
      }
    }
  }

  #issue(
    { certificatePem, serialNumber, expiresAt }: SignedCertificate,
    holder: Readonly<Record<string, unknown>>,
  ): IssuedCertificate {
    this.#deps.logger.info('certificate issued', { ...holder, serialNumber, expiresAt })
    return { certificatePem, caPem: this.#deps.certificateAuthority.caPem }
  }
}

function notANode(): PolisError {
  return new PolisError('PermissionDenied', 'this is not a node of the installation (any more)', {
    hint: 'join it again with a new token',
  })
}
