import { X509Certificate } from 'node:crypto'
import type { NodeIdentity } from '@polis/hal/enrolment'
import { backoffMs } from '@polis/lib/backoff'
import type { Clock } from '@polis/lib/clock'
import { causeChain } from '@polis/lib/error'
import type { Logger } from '@polis/lib/logger'
import { newKeyWithRequest } from '@polis/protocol/certificate-request'
import type { KernelClient } from '@polis/protocol/kernel-client'

export interface RenewalDeps {
  readonly kernel: Pick<KernelClient, 'renew'>
  readonly identity: () => NodeIdentity
  /** Keeps the renewed identity: in memory and on disk. */
  readonly adopt: (identity: NodeIdentity) => Promise<void>
  readonly clock: Clock
  readonly logger: Logger
  readonly random: () => number
}

const AT_PART_OF_LIFE = 2 / 3
/** Nodes that joined together do not renew together. */
const JITTER_PART_OF_LIFE = 1 / 20
// Timers end at 2^31 ms, and a clock that was set moves what is due.
const LOOK_EVERY_MS = 3_600_000
const RETRY = { firstMs: 1_000, maxMs: 600_000 }

/** Renews this node's certificate, with a new key each time, before it runs out. Returns when the signal aborts. */
export async function keepCertificate(deps: RenewalDeps, signal: AbortSignal): Promise<void> {
  const { identity, clock, logger, random } = deps
  let failures = 0
  let dueAtMs = renewalTimeMs(identity().certificatePem, random())
  while (!signal.aborted) {
    const leftMs = dueAtMs - clock.now().getTime()
    try {
      if (leftMs > 0) {
        await clock.sleep(Math.min(leftMs, LOOK_EVERY_MS), signal)
        continue
      }
      await renew(deps, signal)
      failures = 0
      dueAtMs = renewalTimeMs(identity().certificatePem, random())
    } catch (thrown) {
      if (signal.aborted) return
      failures += 1
      dueAtMs = clock.now().getTime() + backoffMs(failures, { ...RETRY, random })
      logger.warn('certificate not renewed', { failures, causes: causeChain(thrown) })
    }
  }
}

/** When to renew, in milliseconds of wall time; `random` in [0, 1). */
export function renewalTimeMs(certificatePem: string, random: number): number {
  const { validFromDate, validToDate } = new X509Certificate(certificatePem)
  const fromMs = validFromDate.getTime()
  const lifeMs = validToDate.getTime() - fromMs
  return fromMs + lifeMs * (AT_PART_OF_LIFE - JITTER_PART_OF_LIFE * random)
}

async function renew(
  { kernel, identity, adopt, logger }: RenewalDeps,
  signal: AbortSignal,
): Promise<void> {
  const { privateKeyPem, certificateRequestPem } = await newKeyWithRequest()
  const issued = await kernel.renew(certificateRequestPem, signal)
  await adopt({ ...identity(), ...issued, privateKeyPem })
  const { serialNumber, validToDate } = new X509Certificate(issued.certificatePem)
  logger.info('certificate renewed', { serialNumber, expiresAt: validToDate })
}
