// Calls ensureTask in a process of its own, for the exam that kills it on the way: input by stdin, no answer.
import { text } from 'node:stream/consumers'
import type { DriverHost } from '@polis/hal/driver'
import { TaskSpec } from '@polis/hal/orchestrator'
import { PolisError } from '@polis/lib/error'
import { silentLogger } from '@polis/lib/logger'
import { systemClock } from '@polis/lib/system-clock'
import { z } from 'zod'
import { swarmDriver } from './driver.ts'

export const DyingCall = z.object({
  dockerSocketPath: z.string(),
  containerdSocketPath: z.string(),
  installationUid: z.string(),
  spec: TaskSpec,
})
export type DyingCall = z.infer<typeof DyingCall>

function toHost(installationUid: string): DriverHost {
  const unused = (): Promise<never> =>
    Promise.reject(new PolisError('Unimplemented', 'not for this caller'))
  return {
    installationUid,
    nodeUid: '',
    nodeName: '',
    dataDir: '',
    runDir: '',
    clock: systemClock,
    logger: silentLogger,
    openBlob: unused,
    issueCertificate: unused,
  }
}

if (process.argv[1] === import.meta.filename) {
  const { installationUid, spec, ...sockets } = DyingCall.parse(
    JSON.parse(await text(process.stdin)),
  )
  const device = { uid: 'exam', name: 'exam', parameters: {} }
  const port = swarmDriver(sockets).open(device, toHost(installationUid))
  await port.ensureTask(spec, AbortSignal.timeout(30_000))
}
