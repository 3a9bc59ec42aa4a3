// Self-signed certificates, for tests.
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run } from '@polis/lib/run'

export interface TestCertificate {
  readonly certificatePem: string
  readonly privateKeyPem: string
}

const GOOD_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1']

/** For these names; a 512-bit RSA key is one that every TLS library refuses to use. */
export async function makeTestCertificate(
  hosts: readonly string[],
  key?: 'rsa:512',
): Promise<TestCertificate> {
  const folder = await mkdtemp(join(tmpdir(), 'polis-certificate-'))
  const [keyPath, path] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')]
  const names = hosts.map((host) => `DNS:${host}`).join(',')
  const subject = ['-subj', '/CN=test', '-addext', `subjectAltName=${names}`, '-days', '2']
  const newKey = key === undefined ? GOOD_KEY : ['-newkey', key]
  const output = ['-nodes', '-keyout', keyPath, '-out', path]
  try {
    await run('openssl', ['req', '-x509', ...newKey, ...subject, ...output], {
      signal: AbortSignal.timeout(10_000),
    })
    const [certificatePem, privateKeyPem] = await Promise.all([
      readFile(path, 'utf8'),
      readFile(keyPath, 'utf8'),
    ])
    return { certificatePem, privateKeyPem }
  } finally {
    await rm(folder, { recursive: true })
  }
}
