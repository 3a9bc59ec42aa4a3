// An agent for crash tests: applies tables, given as JSON lines, until it is killed. Says `applied` after each.
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { EdgeTable } from '@polis/hal/ingress'
import { silentLogger } from '@polis/lib/logger'
import { z } from 'zod'
import { haproxyDriver } from './driver.ts'

const Start = z.object({
  dataDir: z.string(),
  runDir: z.string(),
  parameters: z.record(z.string(), z.unknown()),
})

const { dataDir, runDir, parameters } = Start.parse(JSON.parse(process.argv[2] ?? ''))
const unavailable = (): never => {
  throw new Error('not in this test')
}
const ingress = haproxyDriver().open(
  { uid: 'edge', name: 'edge', parameters },
  {
    installationUid: 'installation',
    nodeUid: 'node',
    nodeName: 'node',
    dataDir,
    runDir,
    logger: silentLogger,
    clock: {
      now: () => new Date(),
      monotonicMs: () => performance.now(),
      sleep: (delayMs, signal) => sleep(delayMs, undefined, { signal }),
    },
    openBlob: unavailable,
    issueCertificate: unavailable,
  },
)

for await (const line of createInterface({ input: process.stdin })) {
  await ingress.applyTable(EdgeTable.parse(JSON.parse(line)), AbortSignal.timeout(30_000))
  process.stdout.write('applied\n')
}
