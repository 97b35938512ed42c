/** What the tasks of a run have asked of a remote table so far. */
export interface TableFigures {
  /** Look-ups that the cache answered. */
  readonly hits: number
  /** Look-ups that came while a call for the same key was under way: its answer is theirs. */
  readonly joined: number
  /** Look-ups that needed a call. */
  readonly misses: number
  /** Keys put or deleted. */
  readonly writes: number
  /** Attempts; how many of them were second ones or later, and how many ran out of time. */
  readonly calls: number
  readonly retries: number
  readonly timeouts: number
  /** Calls that were given up. */
  readonly failures: number
  /** How long attempts took, ms: all together, and the longest. */
  readonly latencyMs: number
  readonly latencyMaxMs: number
}
