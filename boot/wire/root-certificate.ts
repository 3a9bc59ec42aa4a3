import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { CertificateAuthority } from '@polis/kernel/certificate-authority'
import type { SecretSealer } from '@polis/kernel/secret-sealing'
import type { Clock } from '@polis/lib/clock'
import { replaceFile } from '../files.ts'

const KEY_OWNER = 'certificate-authority'

/** The installation's certificate authority: its root beside the store, the root's key sealed like any secret. */
export async function openCertificateAuthority(
  folder: string,
  deps: { readonly installationUid: string; readonly sealer: SecretSealer; readonly clock: Clock },
): Promise<CertificateAuthority> {
  const { installationUid, sealer, clock } = deps
  const certificateFile = join(folder, 'ca.pem')
  const keyFile = join(folder, 'ca.key.sealed')
  if (!existsSync(certificateFile)) {
    const root = await CertificateAuthority.createRoot(installationUid, clock)
    // The certificate last: it says that both are there.
    replaceFile(keyFile, sealer.seal(root.privateKeyPem, KEY_OWNER))
    replaceFile(certificateFile, root.certificatePem)
  }
  const root = {
    certificatePem: readFileSync(certificateFile, 'utf8'),
    privateKeyPem: sealer.unseal(readFileSync(keyFile, 'utf8'), KEY_OWNER),
  }
  return await CertificateAuthority.open({ installationUid, root, clock })
}
