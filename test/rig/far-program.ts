// A device in a program of its own, so that it can live in a server's namespaces. One JSON line a message.
import { createInterface } from 'node:readline'
import { bindMountDriver } from '@polis/driver-bind-mount'
import { ociRegistryDriver } from '@polis/driver-oci-registry'
import { postgresqlDriver } from '@polis/driver-postgresql'
import type { DeviceCertificate, DeviceLifecycle } from '@polis/hal/driver'
import { PolisError, toPolisError } from '@polis/lib/error'
import { silentLogger } from '@polis/lib/logger'
import { z } from 'zod'
import { systemClock } from '../driver-host.ts'

const FAR_DRIVERS = ['bind-mount', 'postgresql', 'oci-registry'] as const
export type FarDriver = (typeof FAR_DRIVERS)[number]

const Start = z.object({
  driver: z.enum(FAR_DRIVERS),
  stockImagesDir: z.string(),
  installationUid: z.string(),
  deviceUid: z.string(),
  dataDir: z.string(),
  runDir: z.string(),
  parameters: z.record(z.string(), z.unknown()),
})

const Certificate = z.object({
  certificatePem: z.string(),
  privateKeyPem: z.string(),
  caPem: z.string(),
  expiresAt: z.coerce.date(),
})

const Message = z.discriminatedUnion('type', [
  z.object({ type: z.literal('call'), id: z.number(), method: z.string(), input: z.unknown() }),
  z.object({ type: z.literal('abort'), id: z.number() }),
  z.object({ type: z.literal('certificate'), certificate: Certificate }),
])

const certificates: ((certificate: DeviceCertificate) => void)[] = []
const calls = new Map<number, AbortController>()

function send(message: unknown): void {
  process.stdout.write(`${JSON.stringify(message)}\n`)
}

function open(argument: string | undefined): DeviceLifecycle {
  const start = Start.parse(JSON.parse(argument ?? ''))
  const deps = { dockerSocketPath: '/run/docker.sock', stockImagesDir: start.stockImagesDir }
  const drivers = {
    'bind-mount': bindMountDriver,
    postgresql: () => postgresqlDriver(deps),
    'oci-registry': () => ociRegistryDriver(deps),
  }
  const device = { uid: start.deviceUid, name: 'exam', parameters: start.parameters }
  return drivers[start.driver]().open(device, {
    installationUid: start.installationUid,
    nodeUid: 'far-node',
    nodeName: 'far-node',
    dataDir: start.dataDir,
    runDir: start.runDir,
    clock: systemClock,
    logger: silentLogger,
    openBlob: () => Promise.reject(new PolisError('Unimplemented', 'no blobs here')),
    issueCertificate: (names) => {
      const { promise, resolve } = Promise.withResolvers<DeviceCertificate>()
      certificates.push(resolve)
      send({ type: 'issueCertificate', names })
      return promise
    },
  })
}

async function answer(port: DeviceLifecycle, id: number, name: string, input: unknown) {
  const method: unknown = Reflect.get(port, name)
  if (typeof method !== 'function') throw new Error(`no method ${name}`)
  const call = new AbortController()
  calls.set(id, call)
  try {
    const output: unknown = await method.call(port, input, call.signal)
    send({ type: 'answer', id, output })
  } catch (thrown) {
    const { code, message, problems } = toPolisError(thrown, name)
    send({ type: 'answer', id, error: { code, message, problems } })
  } finally {
    calls.delete(id)
  }
}

const port = open(process.argv[2])
for await (const line of createInterface(process.stdin)) {
  const message = Message.parse(JSON.parse(line))
  if (message.type === 'certificate') certificates.shift()?.(message.certificate)
  else if (message.type === 'abort') calls.get(message.id)?.abort()
  else void answer(port, message.id, message.method, message.input)
}
