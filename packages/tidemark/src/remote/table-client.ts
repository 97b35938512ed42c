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
export interface RemoteCounters {
  /** Look-ups that the cache answered, that a call under way for the same key answers, and that need a call. */
  hits: number
  joined: number
  misses: number
  writes: number
  /** Attempts, and how many of them were second ones or later, or ran out of time. */
  calls: number
  retries: number
  timeouts: number
  /** Calls that were given up. */
  failures: number
  /** Of the attempts that settled: the sum, and the longest. */
  latencyMs: number
  latencyMaxMs: number
}

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

/** Adds the counters of another task. */
export function addCounters(to: RemoteCounters, from: RemoteCounters): void {
  for (const name of Object.keys(to) as (keyof RemoteCounters)[]) {
    to[name] = name === 'latencyMaxMs' ? Math.max(to[name], from[name]) : to[name] + from[name]
  }
}
