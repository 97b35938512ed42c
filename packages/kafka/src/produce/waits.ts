const FIRST_MS = 5
const MOST_MS = 500

/** How long to wait after so many failures in a row, from 1: 5 ms, doubled each time, half a second at most. */
export function waitMs(failures: number): number {
  return Math.min(MOST_MS, FIRST_MS * 2 ** Math.min(failures - 1, 10))
}
