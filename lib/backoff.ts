export interface BackoffOptions {
  readonly firstMs: number
  readonly maxMs: number
  /** A number in [0, 1); Math.random outside tests. */
  readonly random: () => number
}

/** Full-jitter exponential delay before attempt `failures + 1`: between half and all of first x 2^(failures-1), at most max. */
export function backoffMs(failures: number, options: BackoffOptions): number {
  const ceiling = Math.min(options.maxMs, options.firstMs * 2 ** Math.max(0, failures - 1))
  return Math.round(ceiling / 2 + (ceiling / 2) * options.random())
}
