/** A read looks into at most so many files of a base, and a scan merges at most so many. */
export const MAX_FILES = 8
/** So many files of similar size are merged into one. */
const TIER_FILES = 4
/** A file joins a run up to this many times the size of the run so far: flushes are never of exactly the same size. */
const JOIN_RATIO = 1.25

/** What the plan needs to know of a file. */
export interface PlannedFile {
  readonly sizeBytes: number
}

/**
 * Which files to merge into one, as ascending indexes of neighbours in `files` (newest first), or null for none. Size
 * tiered: from the newest on, a run grows by the next older file while that is not much larger than the run so far; a run
 * of four or more is merged. As soon as the newer files together are as large as the oldest, the run takes that in too,
 * so that overwritten entries hold at most about half of the space; the price is that an entry of a state that only grows
 * is written about log2(size of the state / size of four flushes) times. If no run is long enough and there are more
 * than MAX_FILES files, the neighbours with the fewest bytes that bring it back to the bound.
 */
export function planMerge(files: readonly PlannedFile[]): number[] | null {
  for (let start = 0; start + TIER_FILES <= files.length; start++) {
    const end = endOfRun(files, start)
    if (end - start >= TIER_FILES) return span(start, end)
  }
  if (files.length <= MAX_FILES) return null
  const length = files.length - MAX_FILES + 1
  let best = 0
  let bestBytes = Number.POSITIVE_INFINITY
  for (let start = 0; start + length <= files.length; start++) {
    const bytes = bytesOf(files, start, start + length)
    if (bytes >= bestBytes) continue
    best = start
    bestBytes = bytes
  }
  return span(best, best + length)
}

function endOfRun(files: readonly PlannedFile[], start: number): number {
  let end = start + 1
  let bytes = bytesOf(files, start, end)
  while (end < files.length && (files[end] as PlannedFile).sizeBytes <= bytes * JOIN_RATIO) {
    bytes += (files[end] as PlannedFile).sizeBytes
    end++
  }
  return end
}

function bytesOf(files: readonly PlannedFile[], start: number, end: number): number {
  let bytes = 0
  for (let i = start; i < end; i++) bytes += (files[i] as PlannedFile).sizeBytes
  return bytes
}

function span(start: number, end: number): number[] {
  return Array.from({ length: end - start }, (_, i) => start + i)
}
