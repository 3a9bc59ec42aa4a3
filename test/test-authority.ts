import { CertificateAuthority } from '@polis/kernel/certificate-authority'
import type { DeviceCertificate } from '@polis/hal/driver'
import { newUid } from '@polis/lib/uid'
import { newKeyWithRequest } from '@polis/protocol/certificate-request'
import { systemClock } from './driver-host.ts'

/** A CA as the kernel's, for drivers under test. */
export class TestAuthority {
  readonly #authority: CertificateAuthority
  /** How many certificates it has issued. */
  issued = 0

  private constructor(authority: CertificateAuthority) {
    this.#authority = authority
  }

  /** `lifeMs`: how long its certificates for devices live, in place of the usual. */
  static async open(lifeMs?: number): Promise<TestAuthority> {
    const installationUid = newUid()
    const root = await CertificateAuthority.createRoot(installationUid, systemClock)
    const lives = lifeMs === undefined ? {} : { lifeMs: { device: lifeMs } }
    const deps = { installationUid, root, clock: systemClock, ...lives }
    return new TestAuthority(await CertificateAuthority.open(deps))
  }

  async issue(names: readonly string[]): Promise<DeviceCertificate> {
    const { privateKeyPem, certificateRequestPem } = await newKeyWithRequest()
    const signed = await this.#authority.signForDevice(certificateRequestPem, newUid(), names)
    this.issued += 1
    const { certificatePem, expiresAt } = signed
    return { certificatePem, expiresAt, privateKeyPem, caPem: this.#authority.caPem }
  }
}
