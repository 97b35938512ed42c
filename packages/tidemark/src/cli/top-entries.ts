import type { StoreEntry } from '../api/app.ts'

/** The entries of a store that rank highest, and what they were ranked by. */
export interface TopEntries {
  readonly entries: readonly StoreEntry[]
  /** The field of the values that ranks them; empty when the values themselves do; null when nothing does. */
  readonly field: string | null
  readonly total: number
}

/**
 * The `most` entries with the largest value: by the value itself when it is a number, else by the first numeric field
 * of the values; when there is none, the first entries. Ties stay in key order. Reads all, keeps `most`.
 */
export function topEntries(entries: Iterable<StoreEntry>, most: number): TopEntries {
  const kept: { entry: StoreEntry; rank: number }[] = []
  let field: string | null = null
  let total = 0
  for (const entry of entries) {
    if (total === 0) field = rankingField(entry.value)
    total++
    const rank = rankOf(entry.value, field)
    const last = kept.at(-1)
    if (kept.length === most && last !== undefined && rank <= last.rank) continue
    let at = kept.length
    while (at > 0 && (kept[at - 1] as { rank: number }).rank < rank) at--
    kept.splice(at, 0, { entry, rank })
    if (kept.length > most) kept.pop()
  }
  return { entries: kept.map(({ entry }) => entry), field, total }
}

function rankingField(value: unknown): string | null {
  if (isNumber(value)) return ''
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null
  for (const [name, item] of Object.entries(value)) {
    if (isNumber(item)) return name
  }
  return null
}

function isNumber(value: unknown): value is number | bigint {
  return typeof value === 'number' || typeof value === 'bigint'
}

function rankOf(value: unknown, field: string | null): number {
  if (field === null) return 0
  const ranked = field === '' ? value : Object.entries(value ?? {}).find(([name]) => name === field)?.[1]
  return isNumber(ranked) ? Number(ranked) : Number.NEGATIVE_INFINITY
}
