import type { ChangeCursor } from './change-cursor.ts'
import type { Discipline, Serde } from '../serde/serde.ts'
import type { BaseStatistics } from './base-statistics.ts'
import type { TaskClock } from './task-clock.ts'
import type { ValueUpgrade } from './value-upgrade.ts'

/**
 * Work in steps, each well below a millisecond. A step that yields a promise waits for it: whoever drives the generator
 * calls `next` only once the promise has settled; a rejection goes in by `throw`.
 */
export type Steps<T = void> = Generator<Promise<void> | void, T, void>

/** How long an entry lives after it was last put, and by which clock (see TaskClock). */
export interface StoreTtl {
  readonly durationMs: number
  readonly time: 'event' | 'processing'
}

/** What shape a store has. `counter` is a kv; the last five keep several entries for a key (see docs/guide/stores.md). */
export type StoreKind = 'kv' | 'windows' | 'session' | 'versioned' | 'counter' | 'list' | 'set'

/**
 * How a store's keys map to partitions: `identity`: by the key itself, as the key of a message; a function: by what it
 * makes of the key, which must be a message's key; `opaque`: not at all, so that the store cannot be rescaled.
 */
export type PartitionBy = 'identity' | 'opaque' | ((key: unknown) => unknown)

/** A store as the job declares it, without its types: what state, tools and checkpoints keep of it. */
export interface StoreSpec {
  readonly name: string
  readonly kind: StoreKind
  readonly key: Serde<unknown>
  readonly value: Serde<unknown>
  /**
   * Windows and sessions: entries may go when their window's end plus this is behind the watermark; versioned stores: how
   * far before its newest version the history of a key goes. Null keeps them for ever.
   */
  readonly retentionMs: number | null
  /** Windows: the size of a window in ms, when it is fixed; null otherwise. */
  readonly windowSizeMs: number | null
  /** Entries end so long after they were put; none or null: never. */
  readonly ttl?: StoreTtl | null
  /** Sessions: events of a key that are no further apart than this are of one session, ms. */
  readonly gapMs?: number | null
  /** Default `identity`. */
  readonly partitionBy?: PartitionBy
  /** The name under which the store was kept before. */
  readonly renamedFrom?: string
  /**
   * Not written down, for tools: how values that were written otherwise are read, in the place of what the value's serde
   * says (see value-upgrade.ts).
   */
  readonly upgradeFrom?: (written: StoreDescriptor) => ValueUpgrade | null | undefined
  /** The engine that keeps it, if not that of the job. Not written down here: see engines/placement.ts. */
  readonly engine?: string
  /**
   * A hint, not written down: false for a store that its task only reads by key. Then no order is kept in memory, and
   * the first range over many unflushed entries has to sort them: `prepareRange` does it in steps.
   */
  readonly ranged?: boolean
  /** A hint, not written down: false for a window store of which nobody asks for the windows of one key. */
  readonly fetched?: boolean
}

/** A StoreSpec as it is written down: serdes by name and version. */
export interface StoreDescriptor {
  readonly name: string
  readonly kind: StoreKind
  readonly key: string
  readonly keyVersion: number
  readonly value: string
  readonly valueVersion: number
  readonly discipline: Discipline
  readonly retentionMs: number | null
  readonly windowSizeMs: number | null
  readonly ttl?: StoreTtl | null
  readonly partitionBy?: 'identity' | 'opaque' | 'function'
  /** As it is declared: the name under which the store was kept before. */
  readonly renamedFrom?: string
  /** In a base: the store that these entries are of, if it has another name (see generations.ts). */
  readonly of?: string
}

/** How far a range goes: `from` inclusive, `to` exclusive, null for open. The bytes must not change until it is closed. */
export interface ByteRange {
  readonly from: Uint8Array | null
  readonly to: Uint8Array | null
  readonly reverse: boolean
  readonly limit: number
  /**
   * All keys of the range start with these first bytes of `from`, the user's key of a window store: such a range is found
   * by a hash table in memory, and not by an order of all keys.
   */
  readonly prefixBytes?: number
}

/** Keys of a batch of messages: key i is bytes[starts[i], ends[i]), its murmur2 is hashes[i]. Valid during the call. */
export interface KeyBatch {
  readonly count: number
  readonly bytes: Uint8Array
  readonly starts: Int32Array
  readonly ends: Int32Array
  readonly hashes: Int32Array
}

/**
 * A store of encoded keys and live values: what typed stores stand on. Keys are passed as a slice of a buffer so that a
 * record's own key bytes serve; they are copied when they have to be kept. Values follow the serde's discipline.
 */
export interface RawStore {
  readonly spec: StoreSpec
  /** The value as this task sees it, uncommitted writes included; undefined if there is none. */
  get(bytes: Uint8Array, start: number, end: number): unknown
  put(bytes: Uint8Array, start: number, end: number, value: unknown): void
  delete(bytes: Uint8Array, start: number, end: number): void
  /** The committed value: skips active and frozen. */
  getCommitted(bytes: Uint8Array, start: number, end: number): unknown
  /** Entries in byte order of their keys. The view is stable from creation until closed or exhausted. */
  range(range: ByteRange): RawIterator
  rangeCommitted(range: ByteRange): RawIterator
  /** `known`: for tools, what they know better of the base, and how many entries of each layer to look up. */
  approximateCount(known?: { readonly ofBase: number; readonly samples: number }): number
  /**
   * Says that these keys will be read now. Returns a promise that settles when what has to come from a disk is in memory,
   * or null if nothing has to. A read error is not reported here: the read of the key itself will meet it.
   */
  prefetch(keys: KeyBatch): Promise<void> | null
  /** True if there is so much in memory that it is worth to call `touch`. */
  readonly wantsTouch: boolean
  /**
   * Says that keys with these hashes (murmur2), MOST_TOUCHED at most, are located next: brings near what will be looked at.
   */
  touch(hashes: Int32Array, count: number): void
  /** True if reads have gone below the layers in memory lately, so that a prefetch may be worth its cost. */
  readonly wantsPrefetch: boolean
  /**
   * The fastest read-modify-write: finds a key once; `current` reads what was found, `replace` and `remove` change it
   * without another search. The bytes must stay as they are until then. Any other call on this store, and `freeze`,
   * end the location (and change `stamp`); `replace` and `remove` after that throw ERR_INVARIANT. Returns whether there
   * is a value. `hash`: murmur2 of the key, if it is known.
   */
  locate(bytes: Uint8Array, start: number, end: number, hash?: number): boolean
  /** The located value, or undefined. */
  current(): unknown
  /** Puts a value at the located key. The location stays: `current` is now this value. */
  replace(value: unknown): void
  /** Deletes the located key. */
  remove(): void
  /**
   * Says that windows which end at `beforeEndMs` or earlier have expired, as of the next freeze. True if the base drops
   * them by itself, so that they need not be deleted; false if it cannot. Window stores only.
   */
  expireWindows?(beforeEndMs: number): boolean
  /** Windows that end up to this have expired: they may still be seen here. Minus infinity: none is known to have. */
  readonly windowsExpiredMs?: number
  /** What was put since the last freeze. Nothing may be written to this store until the cursor is at its end. */
  changes(): ChangeCursor
  /** Changes whenever a location ends: an equal stamp means that the last location still holds. */
  readonly stamp: number
}

/**
 * A cursor over entries, all as they were when it was made, whatever is put, committed, merged or flushed meanwhile; what
 * had not ended by its TTL then is shown, however long it takes. A task may have a bounded number of them open
 * (ERR_TOO_MANY_ITERATORS), and for a bounded time: `next` throws ERR_ITERATOR_EXPIRED after it. `next` moves and tells whether there is one; then key and value are valid until the next call. */
export interface RawIterator extends Disposable {
  next(): boolean
  readonly key: Uint8Array
  readonly value: unknown
  close(): void
}

/** Of the hashes that `touch` is told at once. */
export const MOST_TOUCHED = 128

/** A frozen memtable on its way to be committed. */
export interface FrozenState {
  readonly id: number
  /** Bytes of net change, roughly, before encoding. */
  readonly changes: number
}

/**
 * All stores of one task, with the layers of design/01: active, frozen, recent, clean, base. Work that grows with the
 * number of changes comes as a generator: each step takes at most about a millisecond, so that the container can yield.
 */
export interface TaskState {
  /** The committed checkpoint whose state this is (invariant C1). */
  readonly id: number
  /** Deltas up to this id are in files; only later ones need replay. */
  readonly flushedId: number
  store(name: string): RawStore
  /** The newest committed id that had a delta: write it into the checkpoint record, so that a gap shows at open. */
  readonly lastDeltaId: number
  /** Bytes of uncommitted writes, roughly, for budgets. */
  readonly activeBytes: number
  /** Bytes of committed writes that are not in files yet. */
  readonly recentBytes: number
  /** True if there are uncommitted changes. */
  readonly dirty: boolean
  /** Between two messages; O(1): the active memtable becomes the frozen one, a new one goes on top. */
  freeze(next: number): FrozenState
  /** Net changes of the frozen memtable, encoded once; null when there are none. */
  delta(frozen: FrozenState): Generator<void, Uint8Array | null>
  /** After DECIDE: the frozen memtable joins recent; `id` becomes its id. At once visible, merged in steps. */
  commit(frozen: FrozenState): Generator<void, void>
  /** True when recent is large enough to be written to a file. */
  readonly wantsFlush: boolean
  /** True when `flush` should come soon even if there is nothing to write: merged files wait, or the base has failed. */
  readonly mustFlush: boolean
  /**
   * True when the task is to take no messages: files pile up faster than they are merged, or changes faster than they are
   * written to files. Memory and reads stay bounded by it.
   */
  readonly stalled: boolean
  /** Writes recent to the base (which may merge files). Afterwards flushedId is the id it had at the start. */
  flush(): Steps
  /** What time it is for entries with a TTL: whoever runs the task moves it on. */
  readonly clock: TaskClock
  /**
   * Removes entries that have ended, looking at no more than about `most` keys, and no more than a fixed number between
   * two freezes. Returns true if there is more to do now. Nothing that a reader sees is changed by it.
   */
  expire(most: number): boolean
  /** Makes a range over a store's committed entries cheap, in steps; only stores with `ranged: false` need it. */
  prepareRange(store: string): Steps
  /** Bytes, files, hits: for metrics and tools. */
  statistics(): StateStatistics
  /** Releases files. Does not flush. */
  close(): void
}

export interface StateStatistics {
  readonly activeBytes: number
  readonly recentBytes: number
  readonly cacheBytes: number
  readonly baseFiles: number
  readonly baseBytes: number
  readonly baseEntries: number
  /** All that the base tells of itself. */
  readonly base: BaseStatistics
}

/** The time of a task at a checkpoint, ms since 1970; null where it is not known. */
export interface BaseTime {
  readonly eventMs: number | null
  readonly processingMs: number | null
}

/** What a task's state needs of a storage engine under it: only committed, encoded entries ever reach a Base. */
export interface Base {
  /** Checkpoint id up to which all deltas are in here; 0 for an empty base. */
  readonly id: number
  /** Of several engines under one base, the highest id of any; `id` is the lowest. Missing: the same as `id`. */
  readonly newestId?: number
  readonly descriptors: readonly StoreDescriptor[]
  /**
   * Looks a key up: 0 not here, 1 found, 2 deleted. When found, the encoded value is valueBytes[valueStart, valueEnd)
   * until the next call. `hash` is murmur2 of the key's bytes, here and in a SortedCursor.
   */
  get(store: string, key: Uint8Array, start: number, end: number, hash: number): 0 | 1 | 2
  readonly valueBytes: Uint8Array
  readonly valueStart: number
  readonly valueEnd: number
  /**
   * Loads what reads of these keys need, without blocking; null: nothing to wait for. Absent: reads cannot be prepared.
   * Never rejects: a read of the key itself meets the error again.
   */
  prefetch?(store: string, keys: KeyBatch): Promise<void> | null
  /** Entries of one store in byte order, deletions left out; a stable view of the files of now. */
  scan(store: string, range: ByteRange): BaseIterator
  /** Adds sorted entries as the state of checkpoint `id`, durable when the generator ends. */
  write(id: number, descriptors: readonly StoreDescriptor[], stores: readonly SortedStore[]): Steps
  approximateCount(store: string): number
  /** What there is and what reads and writes have cost; more than the first three only from engines that know it. */
  statistics(): BaseStatistics
  /**
   * Before `write`: the windows of a store that end at `beforeEndMs` or earlier have expired as of that write's
   * checkpoint, and may go without deletions. Never above what that checkpoint says, or a replay would miss them.
   */
  expire?(store: string, beforeEndMs: number): void
  /** False if one write cannot change both stores at once: they are kept by two engines. Missing: it always can. */
  keepsTogether?(store: string, other: string): boolean
  /** Windows of a store that end up to this have expired, as of the base's id; null: none is known to have. */
  expiredBefore?(store: string): number | null
  /** True if the base drops expired windows of a store by itself, as whole files, when `expire` has told it of them. */
  dropsWindows?(store: string): boolean
  /** True if the base wants to be told by `expire` of windows that it does not drop by itself. */
  hearsOfWindows?(store: string): boolean
  /** Before `write`: the time of that write's checkpoint, by which entries of stores with TTL may go. */
  advance?(time: BaseTime): void
  /** True when files pile up faster than they can be merged: the task is to take no messages. */
  readonly stalled?: boolean
  /** True when a `write`, if only of nothing, should come soon: it ends a stall, or throws what went wrong meanwhile. */
  readonly wantsWrite?: boolean
  close(): void
}

/** Sorted changes of one store; a deletion has value null. Keys and values are valid only during the step. */
export interface SortedStore {
  readonly name: string
  readonly count: number
  readonly cursor: SortedCursor
}

export interface SortedCursor {
  next(): boolean
  /** Back to before the first entry. Missing: the entries can be read once. */
  rewind?(): void
  readonly keyBytes: Uint8Array
  readonly keyStart: number
  readonly keyEnd: number
  readonly hash: number
  /** False for a deletion. */
  readonly present: boolean
  readonly valueBytes: Uint8Array
  readonly valueStart: number
  readonly valueEnd: number
}

export interface BaseIterator {
  next(): boolean
  readonly key: Uint8Array
  readonly valueBytes: Uint8Array
  readonly valueStart: number
  readonly valueEnd: number
  close(): void
}
