import type { Discipline, Serde } from '../serde/serde.ts'

/**
 * Work in steps, each well below a millisecond. A step that yields a promise waits for it: whoever drives the generator
 * calls `next` only once the promise has settled; a rejection goes in by `throw`.
 */
export type Steps<T = void> = Generator<Promise<void> | void, T, void>

/** A store as the job declares it, without its types: what state, tools and checkpoints keep of it. */
export interface StoreSpec {
  readonly name: string
  readonly kind: 'kv' | 'windows'
  readonly key: Serde<unknown>
  readonly value: Serde<unknown>
  /** Windows: entries may go when their window's end plus this is behind the watermark; null keeps them for ever. */
  readonly retentionMs: number | null
  /** Windows: the size of a window in ms, when it is fixed; null otherwise. */
  readonly windowSizeMs: number | null
}

/** A StoreSpec as it is written down: serdes by name and version. */
export interface StoreDescriptor {
  readonly name: string
  readonly kind: 'kv' | 'windows'
  readonly key: string
  readonly keyVersion: number
  readonly value: string
  readonly valueVersion: number
  readonly discipline: Discipline
  readonly retentionMs: number | null
  readonly windowSizeMs: number | null
}

/** How far a range goes: `from` inclusive, `to` exclusive, null for open. */
export interface ByteRange {
  readonly from: Uint8Array | null
  readonly to: Uint8Array | null
  readonly reverse: boolean
  readonly limit: number
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
  approximateCount(): number
  /**
   * The fastest read-modify-write: finds a key once; `current` reads what was found, `replace` and `remove` change it
   * without another search. The bytes must stay as they are until then. Any other call on this store, and `freeze`,
   * end the location (and change `stamp`); `replace` and `remove` after that throw ERR_INVARIANT. Returns whether there
   * is a value.
   */
  locate(bytes: Uint8Array, start: number, end: number): boolean
  /** The located value, or undefined. */
  current(): unknown
  /** Puts a value at the located key. The location stays: `current` is now this value. */
  replace(value: unknown): void
  /** Deletes the located key. */
  remove(): void
  /** Changes whenever a location ends: an equal stamp means that the last location still holds. */
  readonly stamp: number
}

/** A cursor over entries. `next` moves and tells whether there is one; then key and value are valid until the next call. */
export interface RawIterator extends Disposable {
  next(): boolean
  readonly key: Uint8Array
  readonly value: unknown
  close(): void
}

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
  /** Writes recent to the base (which may merge files). Afterwards flushedId is the id it had at the start. */
  flush(): Steps
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
}

/** What a task's state needs of a storage engine under it: only committed, encoded entries ever reach a Base. */
export interface Base {
  /** Checkpoint id up to which all deltas are in here; 0 for an empty base. */
  readonly id: number
  readonly descriptors: readonly StoreDescriptor[]
  /**
   * Looks a key up: 0 not here, 1 found, 2 deleted. When found, the encoded value is valueBytes[valueStart, valueEnd)
   * until the next call. `hash` is murmur2 of the key's bytes, here and in a SortedCursor.
   */
  get(store: string, key: Uint8Array, start: number, end: number, hash: number): 0 | 1 | 2
  readonly valueBytes: Uint8Array
  readonly valueStart: number
  readonly valueEnd: number
  /** Entries of one store in byte order, deletions left out; a stable view of the files of now. */
  scan(store: string, range: ByteRange): BaseIterator
  /** Adds sorted entries as the state of checkpoint `id`, durable when the generator ends. */
  write(id: number, descriptors: readonly StoreDescriptor[], stores: readonly SortedStore[]): Steps
  approximateCount(store: string): number
  statistics(): { readonly files: number; readonly bytes: number; readonly entries: number }
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
