/** What a base holds and how it is read; engines give what they know. */
export interface BaseStatistics {
  readonly files: number
  readonly bytes: number
  /** Entries in all files, overwritten ones and deletions among them. */
  readonly entries: number
  readonly deletions?: number
  /** Files by size: see `FileTier`; empty tiers are left out, the smallest files come first. */
  readonly tiers?: readonly FileTier[]
  readonly stores?: readonly StoreFiles[]
  readonly reads?: ReadStatistics
  /** Of the cache that the bases of a thread share. */
  readonly cache?: CacheStatistics
  readonly iterators?: IteratorStatistics
  /** Of a base that is open for writing. */
  readonly writes?: WriteStatistics
  /** The sorted files beside an engine that keeps the newest state only. */
  readonly shadow?: ShadowStatistics
}

export interface ShadowStatistics {
  readonly files: number
  readonly bytes: number
  /** It holds what the engine holds. */
  readonly ready: boolean
  readonly writes?: WriteStatistics
}

/** Files of at least 4^tier MiB and less than four times that; tier 0 has the smaller ones too. */
export interface FileTier {
  readonly tier: number
  readonly files: number
  readonly bytes: number
  readonly entries: number
}

/** What the files hold of one store. */
export interface StoreFiles {
  readonly store: string
  readonly files: number
  /** Bytes of its entries as they are stored, and before compression; index and filters are not counted. */
  readonly bytes: number
  readonly plainBytes: number
  readonly entries: number
  readonly deletions: number
  /** Entries less what deletions stand for; overwritten ones are counted. */
  readonly approximateKeys: number
}

/** What look-ups of keys have done since the base was opened. */
export interface ReadStatistics {
  readonly gets: number
  /** Files asked by a look-up, on average: each is a look at a bloom filter. */
  readonly filesPerGet: number
  /** Blocks looked into by a look-up, on average, in the cache or not. */
  readonly readAmplification: number
  /** Look-ups in a file that its filter did not rule out, and those of them that then found nothing. */
  readonly bloomPasses: number
  readonly bloomFalsePositives: number
  /** False positives in all look-ups of keys that the file does not have; 0 before there was one. */
  readonly bloomFalsePositiveRate: number
}

export interface CacheStatistics {
  readonly capacityBytes: number
  readonly bytes: number
  readonly hits: number
  readonly misses: number
  readonly evictions: number
  /** Misses of prefetches: no read waited for them. */
  readonly prefetched: number
  readonly data: CachePartStatistics
  readonly index: CachePartStatistics
  readonly bloom: CachePartStatistics
  readonly large: CachePartStatistics
}

export interface CachePartStatistics {
  readonly bytes: number
  readonly parts: number
  readonly hits: number
  readonly misses: number
  readonly evictions: number
}

export interface IteratorStatistics {
  readonly open: number
  readonly limit: number
  /** Age of the oldest that is open, ms; 0 when none is, or when the base has no clock. */
  readonly oldestMs: number
}

/** What a base has written since it was opened, and what that costs. */
export interface WriteStatistics {
  readonly flushes: number
  readonly flushedBytes: number
  /** Merges whose result is in use, and the bytes of their results. */
  readonly compactions: number
  readonly compactedBytes: number
  /** Merges under way. */
  readonly compactionsRunning: number
  /** Merges that a full disk has ended; each is planned again. */
  readonly compactionsDelayed: number
  /** True when compaction is so far behind that the task takes no messages. */
  readonly stalled: boolean
  /** Bytes written in all for each byte flushed; 0 before the first flush. */
  readonly writeAmplification: number
  /** Retained checkpoints, and the bytes that only they keep. */
  readonly retained: readonly { readonly id: number; readonly ownBytes: number }[]
}
