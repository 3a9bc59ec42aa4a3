const KIB = 1024
const SIZES = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const

/** `1.5 GiB`. */
export function toSize(sizeBytes: number | null | undefined): string {
  if (sizeBytes === null || sizeBytes === undefined) return '-'
  let size = sizeBytes
  let step = 0
  while (size >= KIB && step < SIZES.length - 1) {
    size /= KIB
    step += 1
  }
  return `${step === 0 || size >= 100 ? Math.round(size) : size.toFixed(1)} ${SIZES[step] ?? ''}`
}

/** How long ago, in the largest unit that is not zero: `3m`. */
export function toAge(at: string | null | undefined, now: Date): string {
  if (at === null || at === undefined) return '-'
  const seconds = Math.max(0, Math.round((now.getTime() - Date.parse(at)) / 1000))
  const steps = [
    [86_400, 'd'],
    [3600, 'h'],
    [60, 'm'],
  ] as const
  const step = steps.find(([size]) => seconds >= size)
  return step === undefined ? `${seconds}s` : `${Math.floor(seconds / step[0])}${step[1]}`
}

/** `3.2 s` */
export function toDuration(from: string | null, to: string | null): string {
  if (from === null || to === null) return ''
  return `${((Date.parse(to) - Date.parse(from)) / 1000).toFixed(1)} s`
}
