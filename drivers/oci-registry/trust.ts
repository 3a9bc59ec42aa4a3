// How a node's Docker comes to trust a registry of Polis' CA, and to be let in: it reads these files for each request.
// https://docs.docker.com/engine/security/certificates/
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { ensureFile } from './certificate.ts'

export interface TrustFiles {
  readonly certificatePem: string
  readonly privateKeyPem: string
  readonly caPem: string
}

function folderOf(certsDir: string, address: string): string {
  return join(certsDir, address)
}

/** Lets this node's Docker use the registry at `address` (`host:port`). Safe to repeat. */
export async function ensureTrust(
  certsDir: string,
  address: string,
  { certificatePem, privateKeyPem, caPem }: TrustFiles,
): Promise<void> {
  const folder = folderOf(certsDir, address)
  await mkdir(folder, { recursive: true, mode: 0o755 })
  // A client.cert without its key would fail every request, so the key comes first.
  const files = { 'ca.crt': caPem, 'client.key': privateKeyPem, 'client.cert': certificatePem }
  for (const [name, content] of Object.entries(files)) {
    await ensureFile(join(folder, name), content)
  }
}

export async function removeTrust(certsDir: string, address: string): Promise<void> {
  await rm(folderOf(certsDir, address), { recursive: true, force: true })
}
