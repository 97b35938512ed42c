/** One checkpoint for each period, for as long as it is not older than `forMs`. */
export interface RetentionTier {
  readonly periodMs: number
  readonly forMs: number
}

export type RetentionPolicy = readonly RetentionTier[]

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS

/** How often a checkpoint is retained. */
export const DEFAULT_INTERVAL_MS: number = MINUTE_MS

/** The newest (always kept), one a minute for an hour, one an hour for a day. */
export const DEFAULT_RETENTION: RetentionPolicy = [
  { periodMs: MINUTE_MS, forMs: HOUR_MS },
  { periodMs: HOUR_MS, forMs: 24 * HOUR_MS },
]

/** What retention looks at. */
export interface RetentionSubject {
  readonly id: number
  readonly atMs: number
  readonly savepoint: boolean
}

/**
 * Ids of the checkpoints to keep: the newest, all savepoints, and in each tier the newest of every period (periods are
 * counted from 1970, so that the choice does not depend on when one looks). A checkpoint that stays the newest of its
 * period is never dropped early, however often the policy is applied in between.
 */
export function retained(
  checkpoints: readonly RetentionSubject[],
  nowMs: number,
  policy: RetentionPolicy = DEFAULT_RETENTION,
): Set<number> {
  const kept = new Set<number>()
  const newestFirst = [...checkpoints].sort((a, b) => b.id - a.id)
  if (newestFirst[0] !== undefined) kept.add(newestFirst[0].id)
  for (const checkpoint of newestFirst) if (checkpoint.savepoint) kept.add(checkpoint.id)
  for (const { periodMs, forMs } of policy) {
    const taken = new Set<number>()
    for (const { id, atMs } of newestFirst) {
      const period = Math.floor(atMs / periodMs)
      if (nowMs - atMs > forMs || taken.has(period)) continue
      taken.add(period)
      kept.add(id)
    }
  }
  return kept
}

/**
 * As `retained`, for checkpoints that are made only when something has changed, as those of one task are: each stands for
 * the time until the next one, and is kept for every period that ends within that. So a task that had nothing to do has
 * an answer for every checkpoint of the job that the policy keeps.
 */
export function retainedCovering(
  checkpoints: readonly RetentionSubject[],
  nowMs: number,
  policy: RetentionPolicy,
): Set<number> {
  const kept = new Set<number>()
  const oldestFirst = [...checkpoints].sort((a, b) => a.atMs - b.atMs || a.id - b.id)
  for (const [index, { id, atMs, savepoint }] of oldestFirst.entries()) {
    const next = oldestFirst[index + 1]
    if (next === undefined || savepoint) {
      kept.add(id)
      continue
    }
    for (const { periodMs, forMs } of policy) {
      const lastEnd = Math.floor(next.atMs / periodMs) * periodMs
      if (lastEnd > atMs && lastEnd >= nowMs - forMs) kept.add(id)
    }
  }
  return kept
}
