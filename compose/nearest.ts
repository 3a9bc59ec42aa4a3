/** The choice that `word` is a likely misspelling of: at most two edits away, and less than half of it. */
export function nearest(word: string, choices: readonly string[]): string | undefined {
  if (word.length > 40) return undefined
  const plain = word.toLowerCase().replaceAll('-', '_')
  const most = Math.min(2, Math.floor(plain.length / 2))
  const ranked = choices
    .filter((choice) => Math.abs(choice.length - plain.length) <= most)
    .map((choice) => ({ choice, edits: editsBetween(plain, choice) }))
    .filter(({ edits }) => edits <= most)
    .toSorted((a, b) => a.edits - b.edits)
  return ranked[0]?.choice
}

/** Levenshtein distance, a swap of neighbours counting as one. */
function editsBetween(a: string, b: string): number {
  let twoBack: readonly number[] = []
  let previous: readonly number[] = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i]
    for (let j = 1; j <= b.length; j += 1) {
      const isSame = a[i - 1] === b[j - 1]
      const isSwap = a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      row.push(
        Math.min(
          (previous[j] ?? 0) + 1,
          (row[j - 1] ?? 0) + 1,
          (previous[j - 1] ?? 0) + (isSame ? 0 : 1),
          isSwap ? (twoBack[j - 2] ?? 0) + 1 : Infinity,
        ),
      )
    }
    twoBack = previous
    previous = row
  }
  return previous[b.length] ?? 0
}
