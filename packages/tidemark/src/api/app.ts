import type { System } from './system.ts'
import type { DeepReadonly } from '../serde/deep-readonly.ts'
import type { EngineName } from './engine-name.ts'
import type { StateCompression } from './state-compression.ts'
import type { StateMetrics, StateSummary } from './state-metrics.ts'
import type { CounterDef, KvDef, ListDef, SessionDef, SetDef, StoreDef, VersionedDef, WindowsDef } from './store-def.ts'
import type { StreamDef } from './stream.ts'
import type { TableFigures } from './table-figures.ts'

/** What to do with a record that cannot be read, or whose handler throws. */
export type ErrorPolicy = 'fail' | 'drop' | { readonly deadLetter: string }

/** How often a reader may see an output: RunOptions.delivery. */
export type Delivery = 'exactly-once' | 'at-least-once'

/** Where a stream's records come from when it is not only the log: `--in stream=PATH`. */
export interface InputSpec {
  /** A file's path, or `-` for standard input. */
  readonly path: string
  /** By the file's name when absent: .jsonl .ndjson .json .csv, each also .gz and .zst. */
  readonly format?: 'jsonl' | 'json' | 'csv'
  /** Waits for more at the end of the file. */
  readonly follow?: boolean
  readonly onError?: ErrorPolicy
}

/** Where a stream's committed records go besides the log: `--out stream=PATH`; `-` is standard output. */
export interface OutputSpec {
  readonly path: string
}

export interface CommitOptions {
  /** How often a task commits, ms (default 1000). */
  readonly intervalMs?: number
  /** A commit that takes longer than this holds the input back, ms (default 10000). */
  readonly maxDelayMs?: number
  /** A commit that takes longer than this fails with ERR_COMMIT_TIMEOUT, ms (default 30000). */
  readonly timeoutMs?: number
}

/** One checkpoint is kept for each period, for as long as it is not older than `forMs`. */
export interface CheckpointTier {
  readonly periodMs: number
  readonly forMs: number
}

export interface CheckpointOptions {
  /** A checkpoint is retained once in so many ms, if there was a commit (default 60000). */
  readonly intervalMs?: number
  /**
   * Which of the retained ones stay, beside the newest and those that somebody asked for: default one a minute for an
   * hour and one an hour for a day. An empty list: none is retained unless somebody asks. Engines other than `lsm` and
   * `memory` retain only if this, `intervalMs` or `to` is given: everything they write is then written to sorted files too.
   */
  readonly retain?: readonly CheckpointTier[]
  /**
   * Keeps a checkpoint of each task at another place too, from where its state is restored when it is lost here while the
   * log is not: `file:///directory`, or `s3://bucket/prefix` with `?endpoint=` for a server other than Amazon's.
   */
  readonly to?: string
  /** How often what has changed is uploaded there, ms (default 10000). */
  readonly uploadIntervalMs?: number
  /** Also restores state that is damaged, giving up what is left of it (default false: damage is an error). */
  readonly repair?: boolean
  /**
   * While nothing can be uploaded, the journal keeps all changes since the last upload, up to this size (default 1 GiB).
   * Beyond it the run warns and goes on, and until the next upload the state here is the only copy.
   */
  readonly maxJournalBytes?: number
}

export interface RunOptions {
  /** Where streams live; by default the embedded log of the data directory. */
  readonly system?: System
  /** Default ./.tidemark */
  readonly dataDir?: string
  /** By stream name. */
  readonly inputs?: Readonly<Record<string, readonly InputSpec[]>>
  readonly outputs?: Readonly<Record<string, readonly OutputSpec[]>>
  /** Worker threads that run tasks; 0 (only for a job given as a value) runs them on this thread. */
  readonly containers?: number
  /** Partitions of streams that declare none (default 4, intermediate streams as the widest input). */
  readonly partitions?: number
  /** The streams' end offsets at the start count as the end, even without finite inputs. */
  readonly untilEnd?: boolean
  /**
   * `exactly-once` (default): outputs are seen once, with the commit that they belong to. `at-least-once`: they are sent at
   * once, and those since the last commit are sent again after a crash; the state and streams between steps stay exact. The
   * embedded system is exactly-once either way.
   */
  readonly delivery?: Delivery
  readonly commit?: CommitOptions
  readonly checkpoint?: CheckpointOptions
  /**
   * The directory of a savepoint to start from: state, positions and clocks are as they were then. A data directory that
   * has started from it already goes on from where it is.
   */
  readonly from?: string
  /** What keeps state under the memtables, for stores that name no engine (default lsm). */
  readonly engine?: EngineName
  /** By store: wins over the engine that the store names. */
  readonly storeEngines?: Readonly<Record<string, EngineName>>
  /**
   * How the blocks of state files are stored (default none): zstd takes less room and more time, with keys and values of
   * text often a third of the room. What is there is read however it is stored, and merges store it anew.
   */
  readonly compression?: StateCompression
  /**
   * Bytes after which a block of a state file ends (default 4 KiB, with zstd 16 KiB before it is compressed; 1 KiB to
   * 256 KiB): what one read from the disk brings. Holds for new files, those of merges too.
   */
  readonly blockBytes?: number
  /**
   * Bytes of each container's caches (default 128 MiB): half is for decoded values, half for the engine's blocks, which the
   * container's tasks share.
   */
  readonly cacheBytes?: number
  /** Committed changes that a task holds in memory before it writes them to a file, bytes (default 16 MiB). */
  readonly recentMaxBytes?: number
  /** Largest value of a store, encoded, bytes (default 16 MiB, at most 256 MiB): ERR_VALUE_TOO_LARGE. */
  readonly maxValueBytes?: number
  /**
   * Bytes per second that merges of state files may write, all tasks of the node together (default 128 MiB; 0: no
   * limit). When merging falls far behind, its tasks take no messages until it has caught up.
   */
  readonly compactionBytesPerSecond?: number
  readonly onError?: ErrorPolicy
  /** Crashes of one container in a row before the run gives up (default 5). */
  readonly maxRestarts?: number
  readonly drainTimeoutMs?: number
  /**
   * After how long without a record a partition of a stream that is not finite counts as idle, ms (default 5000): it
   * holds no window open then, and a record that it gets later may be late.
   */
  readonly idleMs?: number
  /**
   * Checks that each key put into a store belongs to the task that puts it (ERR_STORE_PARTITION). It costs about as much
   * as the put. And warns of iterators that were dropped without being closed, which makes each several times as costly.
   * Default false; `tidemark dev` and `testJob` do it.
   */
  readonly development?: boolean
  /** Ends the wait for another process that runs the job, on systems that have spares (ERR_RUN_ENDED). Later it has no effect. */
  readonly signal?: AbortSignal
  readonly onWarning?: (line: string) => void
  /**
   * Told while `run` restores state, or starts from a savepoint, for each piece of some MiB. Without it a line goes to
   * `onWarning` every five seconds.
   */
  readonly onRestore?: (status: RestoreStatus) => void
}

/** How far state is that is put into the data directory before a run starts: restored, or from a savepoint. */
export interface RestoreStatus {
  /** Where it comes from: `checkpoint.to`, or the savepoint. */
  readonly from: string
  /** Tasks that need it, and those of them that have all of their files. */
  readonly tasks: number
  readonly tasksDone: number
  /** Bytes that are here, those of an attempt before that was cut off among them. */
  readonly doneBytes: number
  readonly totalBytes: number
  /** Of this attempt so far, all tasks together. */
  readonly bytesPerSecond: number
  /** At that rate, ms; null before the first bytes. */
  readonly remainingMs: number | null
}

/** How far an upload is that is under way. */
export interface UploadRound {
  /** Of the files that the place has not got yet. */
  readonly doneBytes: number
  readonly totalBytes: number
  readonly bytesPerSecond: number
  readonly remainingMs: number | null
}

/** How uploads of checkpoints are getting on. */
export interface UploadStatus {
  /** `checkpoint.to`. */
  readonly to: string
  /** Ms since all tasks were uploaded; null if not yet in this run. */
  readonly ageMs: number | null
  /** Sorted files, and their bytes, that this run has uploaded. */
  readonly files: number
  readonly bytes: number
  /** Attempts that failed since the last that did not. */
  readonly failures: number
  /** The upload under way; null between two. */
  readonly round: UploadRound | null
}

/** How a run is getting on; cheap to ask for. */
export interface Progress {
  /** Records read by source inputs so far in this run, and per second lately. */
  readonly records: number
  readonly recordsPerSecond: number
  /** Records in streams that are not processed yet. */
  readonly lag: number
  /** Records that sources have put into streams in this run. */
  readonly ingested: number
  /** Ms since the last checkpoint of any task; null before the first. */
  readonly checkpointAgeMs: number | null
  readonly checkpoints: number
  readonly restarts: number
  readonly tasks: number
  /** Given up by the policy `drop`, or of no task for want of a key. */
  readonly dropped: number
  /** Put aside into a dead-letter stream, by inputs and by handlers. */
  readonly deadLettered: number
  /** For a window that was closed. */
  readonly late: number
  /** What was asked of remote tables, by name. */
  readonly tables: Readonly<Record<string, TableFigures>>
  readonly phase: 'starting' | 'restoring' | 'running' | 'draining' | 'ended'
  /** Null without `checkpoint.to`. */
  readonly uploads: UploadStatus | null
  /** What was restored before this run started; null when nothing had to be. */
  readonly restore: RestoreStatus | null
}

/** What a run did; `--json` prints it. Seconds count from the first record to the last commit. */
export interface Summary {
  readonly job: string
  readonly records: number
  readonly ingested: number
  readonly seconds: number
  readonly cpuSeconds: number
  readonly checkpoints: number
  readonly restoredMs: number
  readonly restarts: number
  /** Given up by the policy `drop`, or of no task for want of a key. */
  readonly dropped: number
  /** Put aside into a dead-letter stream, by inputs and by handlers. */
  readonly deadLettered: number
  /** For a window that was closed. */
  readonly late: number
  /** What was asked of remote tables, by name. */
  readonly tables: Readonly<Record<string, TableFigures>>
  readonly tasks: number
  readonly containers: number
  readonly dataDir: string
  /** True when there was nothing to do: all input had been processed before. */
  readonly upToDate: boolean
  readonly ended: 'input' | 'drain'
  /** What the state holds at the end, and how it was read and written in this run; null when a container was gone. */
  readonly state: StateSummary | null
}

/** A checkpoint of all tasks of a job, kept until it is deleted. */
export interface CheckpointInfo {
  /** Its name, for `--checkpoint`. */
  readonly checkpoint: string
  readonly atMs: number
  /** Of each task: the commit that it is. */
  readonly tasks: readonly { readonly task: number; readonly id: number }[]
}

export interface SavepointOptions {
  /** Where to write it: a directory, `file:` or `s3:` URL, that does not exist or is empty (default: `savepoints/<id>` in the data directory). */
  readonly to?: string
  /** How long the job may take to come to the cut, ms (default 60000). */
  readonly timeoutMs?: number
}

/** A savepoint: a consistent cut over all tasks, in a directory of its own that the user owns. */
export interface SavepointInfo {
  readonly savepoint: string
  readonly directory: string
  readonly atMs: number
  readonly tasks: number
  readonly files: number
  readonly bytes: number
  /** From the request until the sources went on, ms. */
  readonly pausedMs: number
}

/** Which of a key's entries is meant: of windows and sessions by their start, of versions by a time; ms since 1970. */
export interface StoreMoment {
  readonly start?: number
  readonly asOf?: number
}

/** A store of a running job, read from outside: committed values, routed to the owner. */
export interface StoreReader<K = unknown, V = unknown> {
  /**
   * The value, or undefined; of a store of windows or sessions, the one of the window that starts there; of a versioned
   * store, the one of the time `asOf`, ms, or the newest.
   */
  get(key: K, at?: StoreMoment): Promise<DeepReadonly<V> | undefined>
  scan(options?: { readonly limit?: number }): AsyncIterable<StoreEntry<K, DeepReadonly<V>>>
}

export interface StoreEntry<K = unknown, V = unknown> {
  readonly key: K
  readonly value: V
  /** Of windows and sessions. */
  readonly window?: { readonly start: number; readonly end: number }
  /** Of a versioned store: since when; a value of null says that there is none from then on. */
  readonly atMs?: number
  /** Of a list, from 0. */
  readonly index?: number
}

/** A store of counters, lists or sets of a running job, read from outside. A key that has none is 0 or empty. */
export interface CollectionReader<K, Whole, Part> {
  get(key: K): Promise<Whole>
  /** Of a list the elements, of a set the members. */
  scan(options?: { readonly limit?: number }): AsyncIterable<StoreEntry<K, Part>>
}

/** A running job. */
export interface App extends AsyncDisposable {
  /** Settles when the run ends by itself or by drain; rejects with the error that ended it. */
  readonly done: Promise<Summary>
  progress(): Progress
  /**
   * What the state of each task holds and how it is read and written, and who uses memory against which bound. Asks the
   * containers. ERR_RUN_ENDED: the run is over, or a container is being started again.
   */
  state(): Promise<StateMetrics>
  /** Stops inputs, commits what was processed, ends. */
  drain(): Promise<Summary>
  /**
   * Commits and keeps a checkpoint of every task until it is deleted. The tasks' checkpoints are each consistent in
   * itself and no cut over all of them: to start a job from, take a savepoint. Of engines other than `lsm` and `memory` the
   * whole state may be read for it: see `CheckpointOptions.retain`. Errors: ERR_RUN_ENDED.
   */
  checkpoint(): Promise<CheckpointInfo>
  /**
   * Takes a consistent cut over all tasks and writes it to a directory; sources stand still until the cut is reached.
   * Errors: ERR_SAVEPOINT_BUSY, ERR_SAVEPOINT_TIMEOUT, ERR_SAVEPOINT_EXISTS, ERR_RUN_ENDED. After an
   * error the job goes on, and there is no savepoint.
   */
  savepoint(options?: SavepointOptions): Promise<SavepointInfo>
  send<K, V>(
    stream: StreamDef<K, V>,
    message: { readonly key: K; readonly value: V; readonly timestamp?: number },
  ): Promise<void>
  /** Committed state, typed by the store. Errors: ERR_UNKNOWN_STORE. */
  store<K, V>(store: KvDef<K, V> | WindowsDef<K, V> | SessionDef<K, V> | VersionedDef<K, V>): StoreReader<K, V>
  store<K, N extends number | bigint>(store: CounterDef<K, N>): CollectionReader<K, N, N>
  store<K, V>(store: ListDef<K, V>): CollectionReader<K, readonly DeepReadonly<V>[], DeepReadonly<V>>
  store<K, V>(store: SetDef<K, V>): CollectionReader<K, readonly V[], V>
  store(store: StoreDef): StoreReader
  read<K, V>(stream: StreamDef<K, V>, options?: { readonly follow?: boolean }): AsyncIterable<ReadMessage<K, V>>
}

export interface ReadMessage<K, V> {
  readonly key: K | null
  readonly value: V | null
  readonly timestamp: number
  readonly partition: number
  readonly offset: bigint
}
