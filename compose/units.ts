// Durations, sizes and CPU counts, exact: a value that does not come out whole is not rounded in silence.

const NANOSECONDS: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n,
  μs: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
  d: 86_400_000_000_000n,
  w: 604_800_000_000_000n,
}
// The engine holds a duration in 64 bits of nanoseconds.
const MOST_NANOSECONDS = (1n << 63n) - 1n

/**
 * Milliseconds of `1m30s`, `1.5s`, `0`: numbers with a unit each, from largest to smallest or not.
 * Undefined for anything else, and for what is no whole number of milliseconds.
 */
export function millisecondsOf(text: string): number | undefined {
  if (text === '0') return 0
  if (text.length > 100 || !/^(?:\d+(?:\.\d+)?(?:[nuµμm]?s|[mhdw]))+$/.test(text)) return undefined
  let total = 0n
  for (const [, whole = '0', fraction = '', unit = ''] of text.matchAll(
    /(\d+)(?:\.(\d+))?([nuµμm]?s|[mhdw])/g,
  )) {
    const scale = 10n ** BigInt(fraction.length)
    const product = BigInt(whole + fraction) * (NANOSECONDS[unit] ?? 0n)
    if (product % scale !== 0n) return undefined
    total += product / scale
  }
  if (total > MOST_NANOSECONDS || total % 1_000_000n !== 0n) return undefined
  return Number(total / 1_000_000n)
}

const SIZE = /^(\d+)(?:\.(\d+))? ?([kmgtp]?)i?b?$/i

/** Bytes of `512m`, `1gb`, `1.5GiB`, `1024`: every unit is a power of 1024, as the engine reads them. */
export function bytesOf(text: string): number | undefined {
  const [, whole, fraction = '', unit = ''] = (text.length > 40 ? null : SIZE.exec(text)) ?? []
  if (whole === undefined) return undefined
  const power = ['', 'k', 'm', 'g', 't', 'p'].indexOf(unit.toLowerCase())
  const scale = 10n ** BigInt(fraction.length)
  // Parts of a byte are cut off, as the engine does.
  const bytes = (BigInt(whole + fraction) * 1024n ** BigInt(power)) / scale
  return bytes <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(bytes) : undefined
}

/** `0.5`, `2`: cores with at most nine decimals, which is what the engine can tell apart. */
export function coresOf(text: string): number | undefined {
  return /^(?:\d{1,6}(?:\.\d{0,9})?|\.\d{1,9})$/.test(text) ? Number(text) : undefined
}
