/** A read looks into at most so many files of a group, and a scan merges at most so many, once compaction has caught up. */
export const MAX_FILES = 8
/** With so many files in a group its task takes no messages until compaction has caught up. */
export const STALL_FILES = 20
/** So many merges of a base run at the same time: a long one of old files does not keep the short ones waiting. */
export const MAX_RUNNING = 3
/** So many files of similar size are merged into one. */
const TIER_FILES = 4
/** A file joins a run up to this many times the size of the run so far: flushes are never of exactly the same size. */
const JOIN_RATIO = 1.25
/** Below this, files are too small to be merged for the sake of space alone. */
const SMALL_BYTES = 1024 * 1024

/** What the plan needs to know of a file. */
export interface PlannedFile {
  readonly sizeBytes: number
  /** Entries, deletions among them. */
  readonly entries: number
  readonly deletions: number
  /** Files of different groups have no key in common: only files of one group are merged. */
  readonly group: string
  /** It is being merged already. */
  readonly busy: boolean
}

/**
 * Which files to merge into one, as ascending indexes in `files` (newest first), or null for none. The files are of one
 * group and neighbours in it, none of them is busy. A pure function of the manifest and of what runs.
 *
 * Size tiered: from the newest on, a run grows by the next older file while that is not much larger than the run so far; a
 * run of four or more is merged. As soon as the newer files together outweigh the oldest, all are merged, so that
 * overwritten and deleted entries hold at most about half of the space; a deletion weighs as much as an entry of the oldest
 * file on top of its own bytes. The price is that an entry of a state that only grows is written about log2(size of the
 * state / size of four flushes) times. If no run is long enough and there are more than MAX_FILES files, the neighbours
 * with the fewest bytes that bring them back to the bound. Newer files are merged while older ones are busy, so that a
 * long merge does not let the others pile up.
 */
export function planMerge(files: readonly PlannedFile[]): number[] | null {
  let worst: { readonly plan: number[]; readonly files: number } | null = null
  for (const group of groupsOf(files)) {
    const plan = planGroup(group.map((index) => files[index] as PlannedFile))
    if (plan === null || (worst !== null && worst.files >= group.length)) continue
    worst = { plan: plan.map((place) => group[place] as number), files: group.length }
  }
  return worst?.plan ?? null
}

/** True when compaction is so far behind that no more files may be added. */
export function isStalled(files: readonly PlannedFile[]): boolean {
  return groupsOf(files).some((group) => group.length >= STALL_FILES)
}

function groupsOf(files: readonly PlannedFile[]): number[][] {
  const groups = new Map<string, number[]>()
  files.forEach(({ group }, index) => {
    const known = groups.get(group)
    if (known === undefined) groups.set(group, [index])
    else known.push(index)
  })
  return [...groups.values()]
}

function planGroup(files: readonly PlannedFile[]): number[] | null {
  const all = planAll(files)
  if (all !== null) return all
  for (let start = 0; start + TIER_FILES <= files.length; start++) {
    const end = endOfRun(files, start)
    if (end - start >= TIER_FILES) return span(start, end)
  }
  return planOverflow(files)
}

/** All files, when the newer ones outweigh the oldest. */
function planAll(files: readonly PlannedFile[]): number[] | null {
  const oldest = files.at(-1)
  if (oldest === undefined || files.length < 2 || files.some(({ busy }) => busy)) return null
  const newer = weightOf(files, 0, files.length - 1, oldest)
  if (newer < oldest.sizeBytes || newer + oldest.sizeBytes < SMALL_BYTES) return null
  return span(0, files.length)
}

/** The end of the run that starts at a file; the file's own place if it is busy. */
function endOfRun(files: readonly PlannedFile[], start: number): number {
  let end = start
  let bytes = 0
  for (; end < files.length; end++) {
    const { sizeBytes, busy } = files[end] as PlannedFile
    if (busy || (end > start && sizeBytes > bytes * JOIN_RATIO)) break
    bytes += sizeBytes
  }
  return end
}

/** The cheapest neighbours that bring the files back to the bound, when what is busy has become one file. */
function planOverflow(files: readonly PlannedFile[]): number[] | null {
  const busy = files.filter((file) => file.busy).length
  const excess = files.length - Math.max(0, busy - 1) - MAX_FILES
  if (excess <= 0) return null
  let best: number[] | null = null
  let bestBytes = Number.POSITIVE_INFINITY
  for (let length = Math.min(excess + 1, files.length); length >= 2 && best === null; length--) {
    for (let start = 0; start + length <= files.length; start++) {
      const window = files.slice(start, start + length)
      const bytes = window.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
      if (window.some((file) => file.busy) || bytes >= bestBytes) continue
      best = span(start, start + length)
      bestBytes = bytes
    }
  }
  return best
}

/** Bytes of files and of the entries below that their deletions stand for. */
function weightOf(files: readonly PlannedFile[], start: number, end: number, oldest: PlannedFile): number {
  const entryBytes = oldest.sizeBytes / Math.max(1, oldest.entries)
  let weight = 0
  for (let i = start; i < end; i++) {
    const { sizeBytes, deletions } = files[i] as PlannedFile
    weight += sizeBytes + deletions * entryBytes
  }
  return weight
}

function span(start: number, end: number): number[] {
  return Array.from({ length: end - start }, (_, i) => start + i)
}
