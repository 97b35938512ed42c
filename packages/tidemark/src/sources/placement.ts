/** So many rows in a row go to one partition before the next one's turn. */
const RUN_ROWS = 256

/**
 * The partition of a row without key: by its number in the source alone, in runs, so that reading it again after a
 * crash puts it in the same place.
 */
export function placeOf(row: number, partitions: number): number {
  return Math.floor(row / RUN_ROWS) % partitions
}
