import { createHash } from 'node:crypto'
import type { NetworkSpec } from '@polis/hal/orchestrator'
import type { Clock } from '@polis/lib/clock'
import { PolisError } from '@polis/lib/error'
import type { EngineNetwork } from './engine-types.ts'
import { hasCode } from './errors.ts'
import { hostRoutes, type RunOnNode } from './host-network.ts'
import { HUMAN_LABEL, INSTALLATION_LABEL, nameOf, NETWORK_LABEL } from './labels.ts'
import { chooseSubnet, parseSubnet, type Subnet } from './subnets.ts'
import type { SwarmApi } from './swarm-api.ts'

interface NetworksDeps {
  readonly api: SwarmApi
  readonly pool: string
  readonly runOnNode: RunOnNode
  readonly clock: Clock
}

/** Swarm frees a network a moment after the last task on it has ended. */
const FREEING_MS = 10_000
const RETRY_MS = 50
/** Swarm gives out a subnet within milliseconds of the network's creation, or not at all. */
const ALLOCATION_MS = 3000
const ATTEMPTS = 4

/** The private networks of instances: overlays, each with a /24 that nothing else here uses. */
export class Networks {
  readonly #deps: NetworksDeps
  #turn: Promise<unknown> = Promise.resolve()

  constructor(deps: NetworksDeps) {
    this.#deps = deps
  }

  /** In turn: two that choose a subnet at once could choose the same. */
  ensure(spec: NetworkSpec, signal: AbortSignal): Promise<void> {
    const made = this.#turn.then(
      () => this.#ensure(spec, signal),
      () => this.#ensure(spec, signal),
    )
    this.#turn = made
    return made
  }

  async list(signal: AbortSignal): Promise<readonly string[]> {
    const ours = await this.#listOurs(signal)
    return [...ours.keys()].toSorted()
  }

  /** Engine ids by uid. Throws FailedPrecondition when one does not exist. */
  async ids(uids: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, string>> {
    if (uids.length === 0) return new Map()
    const ours = await this.#listOurs(signal)
    const missing = uids.find((uid) => !ours.has(uid))
    if (missing !== undefined) {
      throw new PolisError('FailedPrecondition', `no network ${missing}`, { path: 'networks' })
    }
    return new Map(uids.map((uid) => [uid, ours.get(uid)?.Id ?? '']))
  }

  async remove(uid: string, signal: AbortSignal): Promise<void> {
    const { api, clock } = this.#deps
    const network = (await this.#listOurs(signal)).get(uid)
    if (network === undefined) return
    const endsAtMs = clock.monotonicMs() + FREEING_MS
    for (;;) {
      try {
        await api.removeNetwork(network.Id, signal)
        return
      } catch (error) {
        const isInUse = hasCode(error, 'FailedPrecondition')
        const isFreeing = isInUse && !/by service/.test(String(error))
        if (!isFreeing || clock.monotonicMs() > endsAtMs) throw error
        await clock.sleep(RETRY_MS, signal)
      }
    }
  }

  async #listOurs(signal: AbortSignal): Promise<ReadonlyMap<string, EngineNetwork>> {
    const { api } = this.#deps
    const all = await api.networks(signal)
    return new Map(
      all.flatMap((network) => {
        const uid = network.Labels?.[NETWORK_LABEL]
        return uid !== undefined && api.isOurs(network.Labels) ? [[uid, network]] : []
      }),
    )
  }

  /** Swarm takes a subnet that another network has, and then never gives it out: only looking afterwards tells. */
  async #ensure(spec: NetworkSpec, signal: AbortSignal): Promise<void> {
    const { api } = this.#deps
    const failed: Subnet[] = []
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const all = await api.networks(signal)
      const found = all.find(({ Name }) => Name === nameOf(spec.uid))
      if (found !== undefined && !api.isOurs(found.Labels)) {
        throw new PolisError('AlreadyExists', `network ${nameOf(spec.uid)} is someone else's`)
      }
      if (found === undefined) {
        const subnet = await this.#chooseSubnet(spec.uid, all, failed, signal)
        failed.push(requireSubnet(subnet))
        await this.#create(spec, subnet, signal)
      }
      if (await this.#isAllocated(spec.uid, signal)) return
      await this.remove(spec.uid, signal)
    }
    throw new PolisError(
      'Aborted',
      `Swarm gave network ${spec.uid} none of the subnets it was asked for`,
    )
  }

  async #isAllocated(uid: string, signal: AbortSignal): Promise<boolean> {
    const { api, clock } = this.#deps
    const endsAtMs = clock.monotonicMs() + ALLOCATION_MS
    for (;;) {
      const network = await api.findNetwork(nameOf(uid), signal)
      if ((network?.IPAM.Config ?? []).length > 0) return true
      if (clock.monotonicMs() > endsAtMs) return false
      await clock.sleep(RETRY_MS, signal)
    }
  }

  async #create({ uid, label }: NetworkSpec, subnet: string, signal: AbortSignal): Promise<void> {
    const { api } = this.#deps
    const spec = {
      Name: nameOf(uid),
      CheckDuplicate: true,
      Driver: 'overlay',
      Attachable: false,
      IPAM: { Driver: 'default', Config: [{ Subnet: subnet }] },
      Labels: {
        [INSTALLATION_LABEL]: api.installationUid,
        [NETWORK_LABEL]: uid,
        [HUMAN_LABEL]: label,
      },
    }
    try {
      await api.createNetwork(spec, signal)
    } catch (error) {
      if (!hasCode(error, 'AlreadyExists')) throw error
    }
  }

  async #chooseSubnet(
    uid: string,
    networks: readonly EngineNetwork[],
    failed: readonly Subnet[],
    signal: AbortSignal,
  ): Promise<string> {
    const { pool, runOnNode } = this.#deps
    const routed = (await hostRoutes(runOnNode, signal)).map(({ subnet }) => subnet)
    const used = networks.flatMap(({ IPAM }) =>
      (IPAM.Config ?? []).flatMap(({ Subnet: text }) => parseSubnet(text ?? '') ?? []),
    )
    const subnet = chooseSubnet(requireSubnet(pool), [...routed, ...used, ...failed], toSeed(uid))
    if (subnet !== undefined) return subnet
    throw new PolisError('ResourceExhausted', `no address range is left for a network in ${pool}`, {
      path: 'networkPool',
      hint: 'remove instances, or give the device a larger pool: --set networkPool=SUBNET',
    })
  }
}

function requireSubnet(text: string): Subnet {
  const subnet = parseSubnet(text)
  if (subnet === undefined) throw new Error(`unparsed subnet ${text}`)
  return subnet
}

/** Spreads uids over a pool. */
function toSeed(uid: string): number {
  return createHash('sha256').update(uid).digest().readUInt32BE(0)
}
