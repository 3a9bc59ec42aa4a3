import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { createApiServer } from '@polis/api/server'
import { formatJoinToken } from '@polis/hal/join-token'
import { Enrolment } from '@polis/kernel/enrolment'
import { openSqliteJournal } from '@polis/kernel/journal/sqlite'
import { localOperator, PolisKernel } from '@polis/kernel/polis-kernel'
import { runCompaction } from '@polis/kernel/store/compaction'
import { openSqliteStore } from '@polis/kernel/store/sqlite'
import { causeChain, PolisError } from '@polis/lib/error'
import type { Logger } from '@polis/lib/logger'
import { AgentListener } from '@polis/protocol/agent-listener'
import { RemoteDevices } from '@polis/protocol/remote-devices'
import { replaceFile } from '../files.ts'
import type { Home } from '../home.ts'
import type { ServiceOptions } from '../run-service.ts'
import { FileBlobs } from './file-blobs.ts'
import { openKeyring } from './keyring.ts'
import { openCertificateAuthority } from './root-certificate.ts'
import { standardDevices } from './standard-devices.ts'
import { systemClock } from '@polis/lib/system-clock'

const RESYNC_MS = 5 * 60_000
const KEEP_HISTORY_MS = 5 * 60_000
const SWEEP_EVERY_MS = 3_600_000
const KEEP_UPLOADS_MS = 24 * 3_600_000
const LOCAL_TOKEN_DAYS = 3_650
const LOCAL_TOKEN_NAME = 'local-shell'
const OWN_NODE_JOIN_MS = 24 * 3_600_000
const ABOUT_TWO_MONTHS_MS = 60 * 24 * 3_600_000

/** `polis server`: the kernel, the agents' port and the API, until the signal aborts. Here ports meet adapters. */
export async function runServer(options: ServiceOptions, signal: AbortSignal): Promise<void> {
  const { home, config, logger, version } = options
  const { installationUid } = config
  const clock = systemClock
  const storeFile = join(home.serverDir, 'store.db')
  const sealer = openKeyring(config.keyFile, !existsSync(storeFile))
  const store = await openSqliteStore({ file: storeFile, clock, logger })
  const journal = await openSqliteJournal({
    file: join(home.serverDir, 'journal.db'),
    clock,
  })
  const certificateAuthority = await openCertificateAuthority(home.serverDir, {
    installationUid,
    sealer,
    clock,
  })
  const blobs = new FileBlobs(join(home.serverDir, 'uploads'))
  const ending = new AbortController()
  const untilEnd = AbortSignal.any([signal, ending.signal])

  const kernel: PolisKernel = new PolisKernel({
    installationUid,
    store,
    journal,
    blobs,
    devices: new RemoteDevices({
      sessions: { peerOf: (nodeUid, label) => listener.sessions.peerOf(nodeUid, label) },
      nodeName: (uid) => kernel.reader(localOperator).find('Node', uid)?.metadata.name,
    }),
    clock,
    logger,
    random: Math.random,
    sealer,
    standardDevices: standardDevices(config),
    joinTokenText: (secret) => formatJoinToken({ secret, caDigest: certificateAuthority.caDigest }),
    resyncMs: RESYNC_MS,
  })
  const identity = async (): Promise<
    ConstructorParameters<typeof AgentListener>[0]['identity']
  > => {
    const issued = await certificateAuthority.issueForServer([
      'localhost',
      '127.0.0.1',
      config.agents.address,
    ])
    return { ...issued, caPem: certificateAuthority.caPem }
  }
  const listener: AgentListener = new AgentListener({
    identity: await identity(),
    installationUid,
    authority: new Enrolment({
      installationUid,
      certificateAuthority,
      tokens: kernel.tokens,
      nodes: kernel.nodes,
      reader: kernel.reader(localOperator),
      blobs,
      logger,
    }),
    observer: kernel.nodes,
    clock,
    logger,
  })
  const api = createApiServer({ kernel, logger, clock, version, ...config.api })

  // A node that was removed loses its connection, and its certificate no longer opens another.
  const unsubscribe = kernel.subscribe((events) => {
    for (const { before, after } of events) {
      if (before?.kind === 'Node' && after === undefined) listener.disconnect(before.metadata.uid)
    }
  })
  const running = kernel.run(untilEnd)
  // Whatever ends first ends the process: a supervisor starts it anew, and everything goes on from the store.
  const background = [
    running,
    runCompaction({ store, clock, logger, keepMs: KEEP_HISTORY_MS }, untilEnd),
    sweepUploads(kernel, blobs, logger, untilEnd),
    everyNow(ABOUT_TWO_MONTHS_MS, untilEnd, async () => listener.setIdentity(await identity())),
  ]
  try {
    await Promise.race([ready(kernel, untilEnd), ...background])
    await listener.listen({ host: config.agents.address, port: config.agents.port })
    await letThisHostIn(kernel, home)
    const { url } = await api.listen()
    logger.info('serving', { url, agents: `${config.agents.address}:${config.agents.port}` })
    await Promise.race(background)
  } catch (thrown) {
    if (!signal.aborted) throw thrown
  } finally {
    ending.abort()
    unsubscribe()
    await api.close()
    await listener.close()
    await Promise.allSettled(background)
    await Promise.all([store.close(), journal.close()])
  }
}

async function ready(kernel: PolisKernel, signal: AbortSignal): Promise<void> {
  while (!kernel.isReady()) await systemClock.sleep(5, signal)
}

/** The shell of this host is signed in, and its agent may join: both by files that only root can read. */
async function letThisHostIn(kernel: PolisKernel, home: Home): Promise<void> {
  const reader = kernel.reader(localOperator)
  const admin = reader.findByName('User', undefined, 'admin')
  const isKnown = existsSync(home.signInTokenFile)
    ? (await kernel.authenticate(readFileSync(home.signInTokenFile, 'utf8').trim())) !== undefined
    : false
  if (!isKnown && admin !== undefined) {
    const old = reader.findByName('Token', undefined, LOCAL_TOKEN_NAME)
    const { text } = await kernel.tokens.create({
      purpose: 'api',
      scope: 'administrator',
      userUid: admin.metadata.uid,
      lifeMs: LOCAL_TOKEN_DAYS * 24 * 3_600_000,
      ...(old === undefined ? { name: LOCAL_TOKEN_NAME } : {}),
    })
    replaceFile(home.signInTokenFile, `${text}\n`)
  }
  // A node that has not reported may have lost the answer to its enrolment: it asks again, and needs a token to.
  if (reader.list('Node').some(({ status }) => status.facts !== undefined)) {
    rmSync(home.joinTokenFile, { force: true })
    return
  }
  const token = await kernel.createJoinToken(localOperator, {
    hours: OWN_NODE_JOIN_MS / 3_600_000,
    uses: 1,
  })
  replaceFile(home.joinTokenFile, `${token.text}\n`)
}

async function sweepUploads(
  kernel: PolisKernel,
  blobs: FileBlobs,
  logger: Logger,
  signal: AbortSignal,
): Promise<void> {
  await everyNow(SWEEP_EVERY_MS, signal, async () => {
    try {
      const revisions = kernel.reader(localOperator).list('Revision')
      const needed = new Set(revisions.flatMap(({ spec }) => spec.contextDigest ?? []))
      await blobs.sweep(needed, new Date(Date.now() - KEEP_UPLOADS_MS))
    } catch (thrown) {
      logger.warn('old uploads stay', { causes: causeChain(thrown) })
    }
  })
}

/** Does `work` every `periodMs`, for the first time after one period. */
async function everyNow(
  periodMs: number,
  signal: AbortSignal,
  work: () => Promise<void>,
): Promise<void> {
  for (;;) {
    await sleepLong(periodMs, signal)
    await work()
  }
}

/** Timers hold 31 bits of milliseconds. */
async function sleepLong(delayMs: number, signal: AbortSignal): Promise<void> {
  for (let leftMs = delayMs; leftMs > 0; leftMs -= 2 ** 30) {
    await systemClock.sleep(Math.min(leftMs, 2 ** 30), signal)
  }
  if (signal.aborted) throw new PolisError('Canceled', 'the server is ending')
}
