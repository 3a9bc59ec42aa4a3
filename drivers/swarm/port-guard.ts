// Keeps a swarm of one to itself: Docker listens for other nodes on all addresses, with no way to say otherwise.
import type { RunOnNode } from './host-network.ts'

const TABLE = 'inet polis_swarm'

// What comes through the loopback device is the node itself, whichever of its addresses it uses.
const RULES = [
  `add table ${TABLE}`,
  `delete table ${TABLE}`,
  `add table ${TABLE}`,
  `add chain ${TABLE} input { type filter hook input priority -10; policy accept; }`,
  `add rule ${TABLE} input iif lo accept`,
  `add rule ${TABLE} input tcp dport { 2377, 7946 } reject with tcp reset`,
  `add rule ${TABLE} input udp dport { 7946, 4789 } reject`,
].join('; ')

const NO_RULES = [`add table ${TABLE}`, `delete table ${TABLE}`].join('; ')

/** Closes Swarm's ports to the outside, at once and all together; safe to repeat. */
export async function closePorts(runOnNode: RunOnNode, signal: AbortSignal): Promise<void> {
  await runOnNode('nft', [RULES], signal)
}

/** Takes the rules away; safe to repeat. */
export async function openPorts(runOnNode: RunOnNode, signal: AbortSignal): Promise<void> {
  await runOnNode('nft', [NO_RULES], signal)
}
