import type { TableFigures } from '../api/table-figures.ts'

/** Takes the answer to a look-up. */
export interface Waiter {
  settle(value: unknown): void
  fail(error: Error): void
}

/** A remote table as the steps of one task use it. */
export interface TableClient {
  /** Looks a key up. The waiter may be told at once, before this returns. */
  load(key: unknown, waiter: Waiter): void
  put(key: unknown, value: unknown): Promise<void>
  delete(key: unknown): Promise<void>
  readonly counters: RemoteCounters
  /** Ends what is under way: waiters get the reason. */
  close(reason: Error): void
}

/** What one task has asked of a remote table. */
export type RemoteCounters = { -readonly [Name in keyof TableFigures]: TableFigures[Name] }

export function newCounters(): RemoteCounters {
  return {
    hits: 0,
    joined: 0,
    misses: 0,
    writes: 0,
    calls: 0,
    retries: 0,
    timeouts: 0,
    failures: 0,
    latencyMs: 0,
    latencyMaxMs: 0,
  }
}

/** Adds figures of several tables, by name. */
export function addFigures(
  to: Record<string, RemoteCounters>,
  from: Readonly<Record<string, TableFigures>>,
): Record<string, RemoteCounters> {
  for (const [table, figures] of Object.entries(from)) {
    const sum = (to[table] ??= newCounters())
    for (const name of Object.keys(sum) as (keyof TableFigures)[]) {
      sum[name] = name === 'latencyMaxMs' ? Math.max(sum[name], figures[name]) : sum[name] + figures[name]
    }
  }
  return to
}
