// For tests: a device in a program of its own, so that it can live in a server's mount namespace. One JSON line a call.
import { createInterface } from 'node:readline'
import { volumeHostContract, type VolumeHostPort } from '@polis/hal/volume-host'
import { toPolisError } from '@polis/lib/error'
import { silentLogger } from '@polis/lib/logger'
import { newUid } from '@polis/lib/uid'
import { z } from 'zod'
import { bindMountDriver } from './driver.ts'

const methods = z.enum(Object.keys(volumeHostContract))
const Call = z.object({ id: z.number(), method: methods, input: z.unknown() })
const Start = z.object({
  dataDir: z.string(),
  runDir: z.string(),
  parameters: z.record(z.string(), z.unknown()),
})

function open(argument: string | undefined): VolumeHostPort {
  const { dataDir, runDir, parameters } = Start.parse(JSON.parse(argument ?? ''))
  const refuse = (): Promise<never> => Promise.reject(new Error('not in this test'))
  const device = { uid: newUid(), name: 'volumes', parameters }
  return bindMountDriver().open(device, {
    installationUid: newUid(),
    nodeUid: newUid(),
    nodeName: 'test-node',
    dataDir,
    runDir,
    clock: { now: () => new Date(), monotonicMs: () => performance.now(), sleep: refuse },
    logger: silentLogger,
    openBlob: refuse,
    issueCertificate: refuse,
  })
}

async function answer(port: VolumeHostPort, line: string): Promise<void> {
  const call = Call.parse(JSON.parse(line))
  const method: unknown = Reflect.get(port, call.method)
  if (typeof method !== 'function') throw new Error(`no method ${call.method}`)
  let reply: unknown
  try {
    const output: unknown = await method.call(port, call.input, AbortSignal.timeout(30_000))
    reply = { id: call.id, output }
  } catch (thrown) {
    const { code, message, problems } = toPolisError(thrown, call.method)
    reply = { id: call.id, error: { code, message, problems } }
  }
  process.stdout.write(`${JSON.stringify(reply)}\n`)
}

const port = open(process.argv[2])
for await (const line of createInterface(process.stdin)) void answer(port, line)
