import { X509Certificate } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { DriverHost } from '@polis/hal/driver'
import type { NodeIdentity } from '@polis/hal/enrolment'
import type { DeviceAddress } from '@polis/hal/ports'
import type { Clock } from '@polis/lib/clock'
import { PolisError } from '@polis/lib/error'
import type { Logger } from '@polis/lib/logger'
import { newKeyWithRequest } from '@polis/protocol/certificate-request'
import type { KernelClient } from '@polis/protocol/kernel-client'

export interface DriverHostDeps {
  /** Folder that outlives a reboot; each device gets one of its own below it. */
  readonly dataDir: string
  /** The same on a tmpfs. */
  readonly runDir: string
  readonly kernel: Pick<KernelClient, 'openBlob' | 'issueDeviceCertificate'>
  readonly clock: Clock
  readonly logger: Logger
}

/** What this node gives to the driver of one device. Makes its folders. */
export function openDriverHost(
  identity: NodeIdentity,
  { uid: deviceUid, driver, name }: DeviceAddress,
  { dataDir, runDir, kernel, clock, logger }: DriverHostDeps,
): DriverHost {
  const { installationUid, nodeUid, nodeName } = identity
  return {
    installationUid,
    nodeUid,
    nodeName,
    dataDir: makeFolder(dataDir, deviceUid),
    runDir: makeFolder(runDir, deviceUid),
    clock,
    logger: logger.child({ driver, device: name }),
    openBlob: (digest, signal) => kernel.openBlob(digest, signal),
    issueCertificate: async (names, signal) => {
      const { privateKeyPem, certificateRequestPem } = await newKeyWithRequest()
      const request = { deviceUid, names, certificateRequestPem }
      const issued = await kernel.issueDeviceCertificate(request, signal)
      const expiresAt = new X509Certificate(issued.certificatePem).validToDate
      return { ...issued, privateKeyPem, expiresAt }
    },
  }
}

function makeFolder(parent: string, deviceUid: string): string {
  if (!/^[\w-]+$/.test(deviceUid)) {
    throw new PolisError('InvalidArgument', 'that is no uid of a device', { path: 'uid' })
  }
  const path = join(parent, deviceUid)
  // Others may pass through, as an engine's own user has to; what they find below is the driver's to say.
  mkdirSync(parent, { recursive: true, mode: 0o711 })
  mkdirSync(path, { recursive: true, mode: 0o700 })
  return path
}
