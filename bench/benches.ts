import type { Row } from './measure/row.ts'

interface Bench {
  readonly measure: () => Promise<readonly Row[]>
}

/** Loaded only when asked for: what a bench imports would weigh on the memory of another. */
export const BENCHES = {
  store: (): Promise<Bench> => import('./store.ts'),
} as const

export type BenchName = keyof typeof BENCHES

export function isBenchName(name: string): name is BenchName {
  return Object.hasOwn(BENCHES, name)
}
