import { createHash } from 'node:crypto'
import type {
  DeviceCertificateRequest,
  EnrolledNode,
  EnrolmentAuthority,
  EnrolRequest,
  IssuedCertificate,
  NodeObserver,
} from '@polis/hal/enrolment'
import { toSpiffeId } from '@polis/hal/spiffe'
import { PolisError } from '@polis/lib/error'
import { newUid } from '@polis/lib/uid'
import type { NodeFacts } from '@polis/resources/node'
import { TestCertificates } from './test-certificates.ts'
import type { TlsIdentity } from './tls-peer.ts'

/** What a kernel would decide, in memory and with real certificates; remembers what it was told of nodes. */
export class TestAuthority implements EnrolmentAuthority, NodeObserver {
  readonly installationUid = newUid()
  readonly certificates: TestCertificates
  /** Secret to uses left. */
  readonly tokens = new Map<string, number>()
  readonly nodeUids = new Set<string>()
  readonly blobs = new Map<string, AsyncIterable<Uint8Array> | Uint8Array>()
  /** `connected n`, `reported n`, `lost n`: in order. */
  readonly news: string[] = []
  readonly reports: NodeFacts[] = []
  /** Life of the certificates of nodes. */
  lifeMs = 600_000
  /** While true nodes are enrolled without being told. */
  losesAnswers = false

  private constructor(certificates: TestCertificates) {
    this.certificates = certificates
  }

  static async create(): Promise<TestAuthority> {
    return new TestAuthority(await TestCertificates.create())
  }

  /** What a server of this installation shows. */
  async serverIdentity(): Promise<TlsIdentity> {
    const id = toSpiffeId(this.installationUid, { type: 'server' })
    const { certificatePem, privateKeyPem } = await this.certificates.issue(id)
    const { caPem } = this.certificates
    return { certificatePem: `${certificatePem}\n${caPem}`, privateKeyPem, caPem }
  }

  /** A node that enrolled some time ago. */
  async nodeIdentity(nodeUid: string, lifeMs = this.lifeMs): Promise<TlsIdentity> {
    this.nodeUids.add(nodeUid)
    const id = toSpiffeId(this.installationUid, { type: 'node', uid: nodeUid })
    const { caPem } = this.certificates
    return { ...(await this.certificates.issue(id, lifeMs)), caPem }
  }

  async enrol({ secret, certificateRequestPem, facts }: EnrolRequest): Promise<EnrolledNode> {
    const usesLeft = this.tokens.get(secret) ?? 0
    const nodeUid = createHash('sha256').update(certificateRequestPem).digest('hex').slice(0, 20)
    if (!this.nodeUids.has(nodeUid)) {
      if (usesLeft === 0) throw new PolisError('Unauthenticated', 'the token is not valid')
      this.tokens.set(secret, usesLeft - 1)
    }
    this.nodeUids.add(nodeUid)
    if (this.losesAnswers) throw new PolisError('Unavailable', 'the answer is lost')
    const issued = await this.renew(nodeUid, certificateRequestPem)
    const { installationUid } = this
    return { ...issued, installationUid, nodeUid, nodeName: facts.hostName }
  }

  async renew(nodeUid: string, certificateRequestPem: string): Promise<IssuedCertificate> {
    const id = toSpiffeId(this.installationUid, { type: 'node', uid: nodeUid })
    return this.#sign(id, certificateRequestPem)
  }

  async issueDeviceCertificate(request: DeviceCertificateRequest): Promise<IssuedCertificate> {
    const { nodeUid, deviceUid, certificateRequestPem } = request
    if (!deviceUid.startsWith(nodeUid)) throw new PolisError('PermissionDenied', 'not your device')
    const id = toSpiffeId(this.installationUid, { type: 'device', uid: deviceUid })
    return this.#sign(id, certificateRequestPem)
  }

  async isRevoked(nodeUid: string): Promise<boolean> {
    return !this.nodeUids.has(nodeUid)
  }

  async openBlob(digest: string): Promise<AsyncIterable<Uint8Array>> {
    const blob = this.blobs.get(digest)
    if (blob === undefined) throw new PolisError('NotFound', `there is no blob ${digest}`)
    return blob instanceof Uint8Array ? new Blob([new Uint8Array(blob)]).stream() : blob
  }

  async connected(nodeUid: string): Promise<void> {
    this.news.push(`connected ${nodeUid}`)
  }

  async reported(nodeUid: string, facts: NodeFacts): Promise<void> {
    this.news.push(`reported ${nodeUid}`)
    this.reports.push(facts)
  }

  async lost(nodeUid: string): Promise<void> {
    this.news.push(`lost ${nodeUid}`)
  }

  async #sign(spiffeId: string, requestPem: string): Promise<IssuedCertificate> {
    const certificatePem = await this.certificates.sign(spiffeId, requestPem, this.lifeMs)
    return { certificatePem, caPem: this.certificates.caPem }
  }
}

export const TEST_FACTS: NodeFacts = {
  hostName: 'web-1',
  os: 'Debian GNU/Linux 12',
  kernelRelease: '6.1.0',
  architecture: 'x64',
  cpus: 2,
  memoryBytes: 8e9,
  memoryAvailableBytes: 4e9,
  diskBytes: 8e10,
  diskAvailableBytes: 4e10,
  addresses: ['192.0.2.1'],
  agentVersion: '0.1.0',
  bootId: 'b1',
  reportedAt: '2026-01-01T00:00:00.000Z',
}
