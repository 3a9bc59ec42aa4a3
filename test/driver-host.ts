import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DeviceCertificate, DriverHost } from '@polis/hal/driver'
import { PolisError } from '@polis/lib/error'
import { silentLogger } from '@polis/lib/logger'
import { systemClock } from '@polis/lib/system-clock'
import { newUid } from '@polis/lib/uid'

export { systemClock }

export interface TestDriverHost extends DriverHost, AsyncDisposable {
  /** Makes `openBlob(digest)` answer with these bytes. */
  addBlob(digest: string, bytes: Uint8Array): void
}

/** What a driver gets from its node, for conformance suites: folders of its own, blobs and certificates as given. */
export async function openTestDriverHost(
  options: { readonly certificate?: DeviceCertificate } = {},
): Promise<TestDriverHost> {
  const root = await mkdtemp(join(tmpdir(), 'polis-driver-'))
  const blobs = new Map<string, Uint8Array>()
  const [dataDir, runDir] = await Promise.all([
    mkdtemp(join(root, 'data-')),
    mkdtemp(join(root, 'run-')),
  ])
  return {
    installationUid: newUid(),
    nodeUid: newUid(),
    nodeName: 'test-node',
    dataDir,
    runDir,
    clock: systemClock,
    logger: silentLogger,
    addBlob: (digest, bytes) => blobs.set(digest, bytes),
    openBlob: async (digest) => {
      const bytes = blobs.get(digest)
      if (bytes === undefined) throw new PolisError('NotFound', `no blob ${digest}`)
      return new Blob([new Uint8Array(bytes)]).stream()
    },
    issueCertificate: async () => {
      if (options.certificate !== undefined) return options.certificate
      throw new PolisError('Unimplemented', 'this test host issues no certificates')
    },
    [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }),
  }
}
