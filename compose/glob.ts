// The patterns of .dockerignore (moby/patternmatcher): `*` and `?` within a name, `[a-z]`, `**` across folders.
// Matched step by step and not through RegExp, where a hostile pattern could take forever.

type Step =
  | { readonly type: 'sign'; readonly sign: string }
  /** One sign of a name. */
  | { readonly type: 'any' }
  /** Signs of a name, or none. */
  | { readonly type: 'names' }
  /** The next step may be left out. */
  | { readonly type: 'maybe' }
  /** Anything that ends with a slash. */
  | { readonly type: 'folders' }
  /** Anything, or nothing. */
  | { readonly type: 'rest' }
  | { readonly type: 'set'; readonly isNegated: boolean; readonly ranges: readonly Range[] }
type Range = readonly [string, string]
export type Glob = readonly Step[]

/** Undefined when the pattern is malformed: an open bracket, an empty set, a backslash at the end of a set. */
export function globOf(pattern: string): Glob | undefined {
  const steps: Step[] = []
  for (let at = 0; at < pattern.length; at += 1) {
    const sign = pattern[at] ?? ''
    if (sign === '*' && pattern[at + 1] === '*') {
      const isPlainEnding = at === 0 && !/[*?[\]\\/]/.test(pattern.slice(2))
      at += pattern[at + 2] === '/' ? 2 : 1
      // `**foo` ends in foo whatever stands before it; elsewhere `**` spans whole folders.
      const isRest = isPlainEnding || at >= pattern.length - 1
      if (isRest) steps.push({ type: 'rest' })
      else steps.push({ type: 'maybe' }, { type: 'folders' })
    } else if (sign === '*') steps.push({ type: 'names' })
    else if (sign === '?') steps.push({ type: 'any' })
    else if (sign === '[') {
      const set = setAt(pattern, at)
      if (set === undefined) return undefined
      steps.push(set.step)
      at = set.end
    } else if (sign === '\\') {
      if (at === pattern.length - 1) return undefined
      at += 1
      steps.push({ type: 'sign', sign: pattern[at] ?? '' })
    } else steps.push({ type: 'sign', sign })
  }
  return steps
}

function setAt(pattern: string, start: number): { step: Step; end: number } | undefined {
  const isNegated = pattern[start + 1] === '^'
  const ranges: Range[] = []
  let at = start + (isNegated ? 2 : 1)
  const take = (): string | undefined => {
    if (pattern[at] === '\\') at += 1
    const sign = pattern[at]
    at += 1
    return sign
  }
  while (at < pattern.length && (pattern[at] !== ']' || ranges.length === 0)) {
    if (pattern[at] === ']' || pattern[at] === '-') return undefined
    const low = take()
    let high = low
    if (pattern[at] === '-') {
      at += 1
      if (pattern[at] === ']' || pattern[at] === '-') return undefined
      high = take()
    }
    if (low === undefined || high === undefined || high < low) return undefined
    ranges.push([low, high])
  }
  if (at >= pattern.length || ranges.length === 0) return undefined
  return { step: { type: 'set', isNegated, ranges }, end: at }
}

/** True when the whole of `path` matches, or one of the folders it lies in. */
export function matchesGlob(glob: Glob, path: string): boolean {
  // The places in `glob` that the signs so far may have led to.
  let places = reachable(glob, [0])
  for (const sign of path) {
    if (sign === '/' && places.has(glob.length)) return true
    const next: number[] = []
    for (const place of places) {
      const step = glob[place]
      if (step !== undefined) next.push(...placesAfter(step, place, sign))
    }
    places = reachable(glob, next)
    if (places.size === 0) return false
  }
  return places.has(glob.length)
}

function placesAfter(step: Step, place: number, sign: string): readonly number[] {
  switch (step.type) {
    case 'sign':
      return step.sign === sign ? [place + 1] : []
    case 'any':
      return sign === '/' ? [] : [place + 1]
    case 'names':
      return sign === '/' ? [] : [place]
    case 'set':
      return isInSet(step, sign) ? [place + 1] : []
    case 'folders':
      return sign === '/' ? [place, place + 1] : [place]
    case 'rest':
      return [place]
    case 'maybe':
      return []
  }
}

/** With the places that are reached without a sign. */
function reachable(glob: Glob, starts: readonly number[]): ReadonlySet<number> {
  const places = new Set<number>()
  const open = [...starts]
  for (let place = open.pop(); place !== undefined; place = open.pop()) {
    if (places.has(place)) continue
    places.add(place)
    const type = glob[place]?.type
    if (type === 'names' || type === 'rest') open.push(place + 1)
    if (type === 'maybe') open.push(place + 1, place + 2)
  }
  return places
}

function isInSet(step: Extract<Step, { type: 'set' }>, sign: string): boolean {
  return step.ranges.some(([low, high]) => sign >= low && sign <= high) !== step.isNegated
}
