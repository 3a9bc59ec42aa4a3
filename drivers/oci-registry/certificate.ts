// The device's certificate on the node's disk: it serves with it, and this node shows it when it asks the registry.
import { createHash, createPrivateKey, X509Certificate } from 'node:crypto'
import { mkdir, open, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import type { DriverHost } from '@polis/hal/driver'

export interface KeptCertificate {
  readonly certificatePem: string
  readonly privateKeyPem: string
  readonly caPem: string
  /** Changes with the certificate. */
  readonly fingerprint: string
}

const FILES = { certificatePem: 'tls.crt', privateKeyPem: 'tls.key', caPem: 'ca.crt' } as const

/** Gives a file that content, whole and for good; nobody but root reads it. */
export async function ensureFile(path: string, content: string): Promise<void> {
  if ((await readFile(path, 'utf8').catch(() => undefined)) === content) return
  const fresh = `${path}.new`
  {
    await using file = await open(fresh, 'w', 0o600)
    await file.writeFile(content)
    await file.sync()
  }
  await rename(fresh, path)
}

/** The certificate as it is kept; undefined when none is. */
export async function findCertificate(folder: string): Promise<KeptCertificate | undefined> {
  try {
    const [certificatePem, privateKeyPem, caPem] = await Promise.all([
      readFile(join(folder, FILES.certificatePem), 'utf8'),
      readFile(join(folder, FILES.privateKeyPem), 'utf8'),
      readFile(join(folder, FILES.caPem), 'utf8'),
    ])
    const fingerprint = createHash('sha256').update(certificatePem).update(caPem).digest('hex')
    return { certificatePem, privateKeyPem, caPem, fingerprint }
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}

/** True while at least a third of its life is left and it is one for `address`. A half-written pair is not good either. */
function isGood(kept: KeptCertificate, address: string, now: Date): boolean {
  try {
    const certificate = new X509Certificate(kept.certificatePem)
    const { validFromDate, validToDate } = certificate
    const lifeMs = validToDate.getTime() - validFromDate.getTime()
    const isFresh = validToDate.getTime() - now.getTime() > lifeMs / 3
    const isOurs = certificate.checkIssued(new X509Certificate(kept.caPem))
    const isPair = certificate.checkPrivateKey(createPrivateKey(kept.privateKeyPem))
    return isFresh && isOurs && isPair && certificate.checkIP(address) !== undefined
  } catch {
    return false
  }
}

/** The certificate in `folder`, issued anew when it is missing, runs out, or is for another address. */
export async function ensureCertificate(
  folder: string,
  address: string,
  host: Pick<DriverHost, 'clock' | 'issueCertificate'>,
  signal: AbortSignal,
): Promise<KeptCertificate> {
  const kept = await findCertificate(folder)
  if (kept !== undefined && isGood(kept, address, host.clock.now())) return kept
  const issued = await host.issueCertificate([address], signal)
  await mkdir(folder, { recursive: true, mode: 0o700 })
  // The certificate comes last: until then the old one does not fit the key, and is replaced at the next try.
  for (const part of ['caPem', 'privateKeyPem', 'certificatePem'] as const) {
    await ensureFile(join(folder, FILES[part]), issued[part])
  }
  const written = await findCertificate(folder)
  if (written === undefined) throw new Error('unreachable: it was just written')
  return written
}
