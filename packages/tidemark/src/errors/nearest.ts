/**
 * Edits (insert, delete, replace, swap of neighbours) that turn `a` into `b`: the optimal string alignment distance
 * (Wagner and Fischer 1974, with the transposition of Damerau 1964).
 */
export function editDistance(a: string, b: string): number {
  let before: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      let best = Math.min((last[j] as number) + 1, (row[j - 1] as number) + 1, (last[j - 1] as number) + (same ? 0 : 1))
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      if (swapped) best = Math.min(best, (before[j - 2] as number) + 1)
      row.push(best)
    }
    before = last
    last = row
  }
  return last[b.length] as number
}

/** The name nearest to what was typed, if it is near enough to be meant; undefined otherwise. */
export function nearest(typed: string, names: Iterable<string>): string | undefined {
  const wanted = typed.toLowerCase()
  const limit = Math.max(2, Math.floor(typed.length * 0.4))
  let best: string | undefined
  let bestDistance = limit + 1
  for (const name of names) {
    const distance = editDistance(wanted, name.toLowerCase())
    if (distance < bestDistance) {
      best = name
      bestDistance = distance
    }
  }
  return best
}

/** ` Did you mean "x"?` or, when nothing is near, the list of what there is; for the end of an error message. */
export function suggestion(typed: string, names: readonly string[]): string {
  const near = nearest(typed, names)
  if (near !== undefined) return ` Did you mean "${near}"?`
  if (names.length === 0) return ''
  const shown = names.slice(0, 12).join(', ')
  return ` There ${names.length === 1 ? 'is' : 'are'}: ${shown}${names.length > 12 ? `, and ${names.length - 12} more` : ''}.`
}
