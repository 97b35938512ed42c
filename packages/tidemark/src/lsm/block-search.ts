import { compareBytes, prefix32, readUint32 } from './bytes.ts'
import type { EntryReader } from './entry-reader.ts'
import { RESTART_BYTES, TAIL_BYTES } from './format.ts'

/** How many restarts the block that ends at `blockEnd` has. */
export function restartCount(bytes: Uint8Array, blockEnd: number): number {
  return readUint32(bytes, blockEnd - 4)
}

/** Where run `run` starts; the position after the last entry when `run` is the number of restarts. */
export function runStart(
  bytes: Uint8Array,
  blockStart: number,
  blockEnd: number,
  restarts: number,
  run: number,
): number {
  const table = blockEnd - TAIL_BYTES - RESTART_BYTES * restarts
  return run === restarts ? table : blockStart + readUint32(bytes, table + RESTART_BYTES * run + 4)
}

/** The last run whose first key is at most the key; -1 if there is none. */
export function findRun(
  bytes: Uint8Array,
  blockStart: number,
  blockEnd: number,
  entry: EntryReader,
  key: Uint8Array,
  start: number,
  end: number,
): number {
  const restarts = restartCount(bytes, blockEnd)
  const common = readUint32(bytes, blockEnd - TAIL_BYTES)
  entry.read(bytes, blockStart)
  for (let i = 0; i < common; i++) {
    if (start + i === end) return -1
    const difference = (key[start + i] as number) - (bytes[entry.keyStart + i] as number)
    if (difference !== 0) return difference < 0 ? -1 : restarts - 1
  }
  return searchRuns(bytes, blockStart, blockEnd, entry, key, start, end, restarts, common)
}

/**
 * As `findRun`, for a key that has the `common` bytes of the block's keys. The table of restarts has the next four bytes
 * of each first key, so that the search stays in a few cache lines; only where these are equal it looks at the keys.
 */
function searchRuns(
  bytes: Uint8Array,
  blockStart: number,
  blockEnd: number,
  entry: EntryReader,
  key: Uint8Array,
  start: number,
  end: number,
  restarts: number,
  common: number,
): number {
  const table = blockEnd - TAIL_BYTES - RESTART_BYTES * restarts
  const prefix = prefix32(key, start + common, end)
  let low = -1
  let high = restarts - 1
  while (low < high) {
    const middle = (low + high + 1) >> 1
    const at = table + RESTART_BYTES * middle
    const other = readUint32(bytes, at)
    let below = other < prefix
    if (other === prefix) {
      entry.read(bytes, blockStart + readUint32(bytes, at + 4))
      below = compareBytes(bytes, entry.keyStart, entry.keyEnd, key, start, end) <= 0
    }
    if (below) low = middle
    else high = middle - 1
  }
  return low
}

/**
 * Looks for a key in a data block: true when found, with the entry in `entry`. In a run no key is put together: as
 * `shared` is exact, comparing it with the bytes that the key has in common with the entry before tells the order,
 * unless they are equal; only then bytes are compared, from there on. A key without the bytes that the block's keys have
 * in common ends in some run and is not found there: to compare them first would cost more.
 */
export function findEntry(
  bytes: Uint8Array,
  blockStart: number,
  blockEnd: number,
  entry: EntryReader,
  key: Uint8Array,
  start: number,
  end: number,
): boolean {
  const restarts = restartCount(bytes, blockEnd)
  const common = readUint32(bytes, blockEnd - TAIL_BYTES)
  const run = searchRuns(bytes, blockStart, blockEnd, entry, key, start, end, restarts, common)
  if (run < 0) return false
  const runEnd = runStart(bytes, blockStart, blockEnd, restarts, run + 1)
  const length = end - start
  let matched = 0
  let at = runStart(bytes, blockStart, blockEnd, restarts, run)
  while (at < runEnd) {
    entry.read(bytes, at)
    if (entry.shared < matched) return false
    if (entry.shared === matched) {
      const unshared = entry.keyEnd - entry.keyStart
      const comparable = Math.min(unshared, length - matched)
      const keyAt = start + matched
      const entryAt = entry.keyStart
      let i = 0
      while (i < comparable && bytes[entryAt + i] === key[keyAt + i]) i++
      matched += i
      if (i === unshared) {
        if (matched === length) return true
      } else if (matched === length || (bytes[entryAt + i] as number) > (key[keyAt + i] as number)) {
        return false
      }
    }
    at = entry.valueEnd
  }
  return false
}
