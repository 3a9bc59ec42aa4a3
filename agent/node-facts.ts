import { readFile, statfs } from 'node:fs/promises'
import os from 'node:os'
import type { Clock } from '@polis/lib/clock'
import { causeChain } from '@polis/lib/error'
import type { Logger } from '@polis/lib/logger'
import type { NodeFacts } from '@polis/resources/node'

export interface NodeFactsSource {
  /** The facts now. */
  read(): Promise<NodeFacts>
}

export interface SystemFactsDeps {
  /** The folder whose disk is counted: POLIS_HOME. */
  readonly home: string
  readonly agentVersion: string
  readonly clock: Clock
}

/** This very machine. */
export class SystemFacts implements NodeFactsSource {
  readonly #deps: SystemFactsDeps

  constructor(deps: SystemFactsDeps) {
    this.#deps = deps
  }

  async read(): Promise<NodeFacts> {
    const { home, agentVersion, clock } = this.#deps
    const disk = await statfs(home)
    return {
      hostName: os.hostname(),
      os: await readOsName(),
      kernelRelease: os.release(),
      architecture: os.arch(),
      cpus: os.availableParallelism(),
      memoryBytes: os.totalmem(),
      // What the kernel calls MemAvailable, caches that it would give back included.
      memoryAvailableBytes: os.freemem(),
      diskBytes: disk.blocks * disk.bsize,
      diskAvailableBytes: disk.bavail * disk.bsize,
      addresses: listAddresses(),
      agentVersion,
      bootId: (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim(),
      reportedAt: clock.now().toISOString(),
    }
  }
}

async function readOsName(): Promise<string> {
  const text = await readFile('/etc/os-release', 'utf8').catch(() => '')
  return /^PRETTY_NAME="?(?<name>[^"\n]*)"?$/m.exec(text)?.groups?.['name'] ?? os.type()
}

// Bridges and their ends belong to engines: nobody reaches this node by them.
const ENGINE_INTERFACE = /^(?:docker|veth|br-|virbr|cni|tunl|flannel|vxlan)/

/** Addresses by which others may reach this node. */
function listAddresses(): string[] {
  return Object.entries(os.networkInterfaces())
    .filter(([name]) => !ENGINE_INTERFACE.test(name))
    .flatMap(([, addresses]) => addresses ?? [])
    .filter(({ internal, address }) => !internal && !address.startsWith('fe80:'))
    .map(({ address }) => address)
    .toSorted()
}

const LOOK_EVERY_MS = 5_000
const RESYNC_EVERY_MS = 30_000
const MEMORY_STEP = 0.1
const DISK_STEP = 0.02

/** The facts now, then each time that they changed noticeably, and in any case every half minute, until the signal aborts. */
export async function* observeFacts(
  deps: { readonly facts: NodeFactsSource; readonly clock: Clock; readonly logger: Logger },
  signal: AbortSignal,
): AsyncGenerator<NodeFacts, void, undefined> {
  const { facts, clock, logger } = deps
  let told: { readonly facts: NodeFacts; readonly atMs: number } | undefined
  for (;;) {
    try {
      const now = await facts.read()
      const atMs = clock.monotonicMs()
      const isDue = told === undefined || atMs - told.atMs >= RESYNC_EVERY_MS
      if (told === undefined || isDue || isNoticeable(told.facts, now)) {
        told = { facts: now, atMs }
        yield now
      }
    } catch (thrown) {
      signal.throwIfAborted()
      logger.warn('facts of this node not read', { causes: causeChain(thrown) })
    }
    await clock.sleep(LOOK_EVERY_MS, signal)
  }
}

/** Whether the difference is worth a report before its time. */
export function isNoticeable(before: NodeFacts, after: NodeFacts): boolean {
  const memoryStep = Math.abs(after.memoryAvailableBytes - before.memoryAvailableBytes)
  const diskStep = Math.abs(after.diskAvailableBytes - before.diskAvailableBytes)
  return (
    steadyFacts(before) !== steadyFacts(after) ||
    memoryStep > after.memoryBytes * MEMORY_STEP ||
    diskStep > after.diskBytes * DISK_STEP
  )
}

function steadyFacts(facts: NodeFacts): string {
  return JSON.stringify({
    ...facts,
    memoryAvailableBytes: 0,
    diskAvailableBytes: 0,
    reportedAt: '',
  })
}
