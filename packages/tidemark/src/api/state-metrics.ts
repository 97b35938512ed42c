/** Bytes that something holds, and the bound that holds it back. */
export interface MemoryUse {
  readonly what: 'memtables' | 'recent' | 'value cache' | 'block cache' | 'output buffers'
  readonly bytes: number
  readonly limitBytes: number
}

/** What the state of one task holds, and how it has been read and written since the task was opened. */
export interface TaskStateMetrics {
  readonly task: number
  /** Files of its engines, their bytes, and the entries in them, overwritten ones among them. */
  readonly files: number
  readonly bytes: number
  readonly entries: number
  /** Sorted files by size: tier 0 has those below 4 MiB, each further tier those of four times the size. */
  readonly tiers: readonly { readonly tier: number; readonly files: number; readonly bytes: number }[]
  /** Of the stores that are kept in sorted files. */
  readonly stores: readonly {
    readonly store: string
    readonly files: number
    readonly bytes: number
    readonly entries: number
    readonly deletions: number
    /**
     * Keys that are there, and bytes of their entries, as far as they are in files: estimated from samples, to a few parts
     * in a hundred, at most every ten seconds; null where it is not known.
     */
    readonly liveKeys: number | null
    readonly liveBytes: number | null
  }[]
  /** Of all stores; null where it is not known. */
  readonly liveBytes: number | null
  /** Bytes of all files for each live one; null where that is not known, or nothing is live. */
  readonly spaceAmplification: number | null
  /** Uncommitted changes; committed ones that are in no file yet; committed values kept decoded; unsent messages. */
  readonly memtableBytes: number
  readonly recentBytes: number
  readonly valueCacheBytes: number
  readonly outputBytes: number
  /** How often back-pressure of the state has stopped the task. */
  readonly stalls: number
  /** Null for engines that do not tell. */
  readonly reads: {
    /** Look-ups that no layer in memory answered. */
    readonly gets: number
    /** Files asked by each, which costs a look at a filter; blocks looked into by each, in the cache or not. */
    readonly filesPerGet: number
    readonly readAmplification: number
    readonly bloomFalsePositiveRate: number
  } | null
  /** Of the block cache, which the tasks of a container share. Null for engines that do not tell. */
  readonly cache: {
    readonly bytes: number
    readonly capacityBytes: number
    readonly hits: number
    readonly misses: number
  } | null
  /** Null for engines that do not tell. */
  readonly writes: {
    readonly flushes: number
    readonly flushedBytes: number
    readonly compactions: number
    readonly compactedBytes: number
    readonly compactionsRunning: number
    readonly stalled: boolean
    /** Bytes written for each byte flushed. */
    readonly writeAmplification: number
  } | null
  /** The sorted files beside an engine that keeps the newest state only, if there are any. */
  readonly shadow: {
    readonly files: number
    readonly bytes: number
    readonly flushedBytes: number
    readonly compactedBytes: number
    /** It holds what the engine holds: checkpoints can be kept. */
    readonly ready: boolean
  } | null
}

/** What the state of a running job holds, by task, and who uses memory, against the bounds of all containers together. */
export interface StateMetrics {
  readonly tasks: readonly TaskStateMetrics[]
  readonly memory: readonly MemoryUse[]
}

/** The state of all tasks at the end of a run. */
export interface StateSummary {
  readonly files: number
  readonly bytes: number
  readonly entries: number
  /** Of what was flushed, and of what merges have written, in this run. */
  readonly flushedBytes: number
  readonly compactedBytes: number
  readonly gets: number
  readonly cacheHits: number
  readonly cacheMisses: number
  readonly stalls: number
}
