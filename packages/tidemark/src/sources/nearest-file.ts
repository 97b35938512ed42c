import { readdirSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'

const NEAR_ENOUGH = 0.5

/** The path in the same directory whose name is most like that of a missing file; null when none is like it. */
export function nearestFile(path: string): string | null {
  const directory = dirname(path)
  let best: string | null = null
  let bestScore = NEAR_ENOUGH
  for (const name of namesIn(directory)) {
    const score = similarity(basename(path).toLowerCase(), name.toLowerCase())
    if (score > bestScore) {
      best = name
      bestScore = score
    }
  }
  return best === null ? null : join(directory, best)
}

/** No names when there is no such directory, or it may not be read: this is only for a hint. */
function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch {
    return []
  }
}

/** Sørensen–Dice coefficient over pairs of neighbouring characters: 0 for nothing in common, 1 for the same. */
export function similarity(a: string, b: string): number {
  if (a === b) return 1
  const pairs = new Map<string, number>()
  for (let i = 0; i + 1 < a.length; i++) pairs.set(a.slice(i, i + 2), (pairs.get(a.slice(i, i + 2)) ?? 0) + 1)
  let shared = 0
  for (let i = 0; i + 1 < b.length; i++) {
    const left = pairs.get(b.slice(i, i + 2)) ?? 0
    if (left > 0) shared++
    pairs.set(b.slice(i, i + 2), left - 1)
  }
  return (2 * shared) / Math.max(1, a.length + b.length - 2)
}
