import { z } from 'zod'

/** One measured number, what it is compared with, and whether its target holds. */
export const Row = z.strictObject({
  /** `bench: what was measured`. */
  name: z.string(),
  value: z.number(),
  unit: z.string(),
  /** What was measured beside it in the same run; empty: nothing to compare with. */
  peer: z.string(),
  peerValue: z.number().nullable(),
  /** Of value to peerValue. */
  ratio: z.number().nullable(),
  /** In words, as `at most 50`; empty: only told. */
  target: z.string(),
  /** Null when there is no target. */
  holds: z.boolean().nullable(),
})
export type Row = z.infer<typeof Row>

export type Target =
  | { readonly atMost: number }
  | { readonly atLeast: number }
  /** Of value to the peer's. */
  | { readonly ratioAtMost: number }

export interface Measured {
  readonly name: string
  readonly value: number
  readonly unit: string
  readonly peer?: { readonly name: string; readonly value: number }
  readonly target?: Target
}

/** A row, its ratio and verdict worked out. */
export function toRow({ name, value, unit, peer, target }: Measured): Row {
  const ratio = peer === undefined ? null : value / peer.value
  return {
    name,
    value: rounded(value),
    unit,
    peer: peer?.name ?? '',
    peerValue: peer === undefined ? null : rounded(peer.value),
    ratio: ratio === null ? null : rounded(ratio),
    target: target === undefined ? '' : inWords(target),
    holds: target === undefined ? null : holds(value, ratio, target),
  }
}

function inWords(target: Target): string {
  if ('atMost' in target) return `at most ${rounded(target.atMost)}`
  if ('atLeast' in target) return `at least ${rounded(target.atLeast)}`
  return `ratio at most ${rounded(target.ratioAtMost)}`
}

function holds(value: number, ratio: number | null, target: Target): boolean {
  if ('atMost' in target) return value <= target.atMost
  if ('atLeast' in target) return value >= target.atLeast
  return ratio !== null && ratio <= target.ratioAtMost
}

function rounded(value: number): number {
  return Math.abs(value) >= 100 ? Math.round(value) : Number(value.toPrecision(3))
}
