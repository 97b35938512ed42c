import type { Transferable } from 'node:worker_threads'
import type { WireError } from '../errors/error.ts'

/** What a stream is when it is made; `meta` is JSON that tools show and decode by (serde names, time, producer). */
export interface StreamSpec {
  readonly name: string
  readonly partitions: number
  /** Intermediate streams are the job's own and are trimmed behind their readers. */
  readonly kind: 'user' | 'intermediate'
  /** Records older than this may go, by whole segments; null keeps them for ever. */
  readonly retentionMs: number | null
  /** Old segments go while a partition is larger than this; null for no bound. */
  readonly retentionBytes: number | null
  readonly meta: string
}

/** What a system takes into a stream. */
export interface StreamLimits {
  /** Of a batch, before it is compressed. */
  readonly maxBatchBytes: number
  /** How far a message's timestamp may be behind the clock, and ahead of it, ms; Infinity: however far. */
  readonly beforeMs: number
  readonly afterMs: number
  /** What sets them, for messages to people. */
  readonly setBy: string
}

/** A stream as the log has it. Partition p has slot `slot + p` in the shared offsets. */
export interface StreamInfo extends StreamSpec {
  readonly id: number
  readonly slot: number
  /** Without them everything is taken. */
  readonly limits?: StreamLimits
}

/** Record batches (format v2, back to back) for the end of one partition. Base offsets are set by the log. */
export interface Append {
  readonly stream: number
  readonly partition: number
  readonly bytes: Uint8Array
}

/**
 * One commit of one producer (a task, or a source): all of it becomes durable and visible, or nothing. `id` must be the
 * producer's committed id plus one and `epoch` its current epoch; else the outcome is `fenced`.
 */
export interface Transaction {
  readonly producer: string
  readonly epoch: number
  readonly id: number
  readonly appends: readonly Append[]
  /** Net changes of the task's stores, null when there are none. */
  readonly delta: Uint8Array | null
  /** The checkpoint record: positions, marks, clock. Opaque to the log. */
  readonly checkpoint: Uint8Array
}

/**
 * `committed`: durable. `fenced`: another owner has claimed the producer. `failed`: nothing of it is visible or durable
 * (disk full, say), the error tells why; the producer's committed id is unchanged.
 */
export interface CommitResult {
  readonly producer: string
  readonly id: number
  readonly outcome: 'committed' | 'fenced' | 'failed'
  readonly error: WireError | null
}

/** What the log knows of a producer. `id` 0 means that nothing was committed yet (then `checkpoint` is empty). */
export interface ProducerState {
  readonly producer: string
  readonly epoch: number
  readonly id: number
  readonly checkpoint: Uint8Array
  /** What the last claim said of itself, JSON (job, task, store descriptors), for tools. */
  readonly meta: string
  /** Deltas up to this id are in the producer's own state files; the journal may have forgotten them. */
  readonly flushedId: number
}

/** One committed delta, in order of id, as the journal has it. */
export interface StoredDelta {
  readonly id: number
  readonly bytes: Uint8Array
}

/** Start and end offset (last stable) of every partition, by slot, in shared memory. */
export interface OffsetsView {
  start(slot: number): number
  end(slot: number): number
}

/** Whole batches, back to back: offsets [start, end). `bytes` is empty when nothing in that range is to be seen. */
export interface ReadBatches {
  readonly bytes: Uint8Array
  readonly start: number
  readonly end: number
}

/** Reads one partition in order, whole batches at a time. Synchronous: what is not at hand yet is not waited for. */
export interface StreamReader {
  /** The offset that the next read begins with. */
  readonly position: number
  /** The next read begins with the batch that holds this offset. */
  seek(offset: number): void
  /**
   * About `maxBytes` of batches, one at least; null when nothing more is at hand. The bytes do not change until messages
   * refer to them no more. Throws ERR_OFFSET_OUT_OF_RANGE when the position has been trimmed away, ERR_LOG_CORRUPT.
   */
  read(maxBytes: number): ReadBatches | null
  /**
   * Nothing refers to the bytes of a read any more, once: they may be overwritten from now on. Who does not say it keeps
   * them. Missing where nothing is gained by it.
   */
  done?(bytes: Uint8Array): void
  close(): void
}

/** What tasks and sources use of the log at run time. Calls back on the thread that called; `done` may come at once. */
export interface LogPort {
  readonly directory: string
  readonly offsets: OffsetsView
  commit(transaction: Transaction, done: (result: CommitResult) => void): void
  /**
   * Where outputs are to be seen before the commit that they belong to (delivery `at-least-once`): sends them at once, in
   * order. That commit of the producer waits until they are acknowledged, and fails if they cannot be.
   */
  send?(producer: string, appends: readonly Append[]): void
  /** State files now cover the producer's deltas up to `id`: the journal may forget them. */
  flushed(producer: string, id: number): void
  /** Called (coalesced) after end offsets have moved. */
  onAdvanced(listener: () => void): void
  /** Called with producers that should flush `recent` so that the journal can be reclaimed. */
  onFlushWanted(listener: (producers: readonly string[]) => void): void
  /** A reader of one partition, at its start offset. CRCs are not checked: whoever decodes the batches does. */
  reader(stream: StreamInfo, partition: number): StreamReader
  /** Commits in flight get no result after this. Lets the thread end. */
  close(): void
}

/** How another thread opens a port of its own: plain data that is sent with `transfer` in the transfer list. */
export interface PortInit {
  /** URL of the module whose `openPort(data)` gives a promise of the port; null: that of the embedded log. */
  readonly module: string | null
  readonly data: unknown
  readonly transfer: readonly Transferable[]
}

/**
 * A system as the supervisor sees it: where the job's streams live, who owns its tasks, what is known of their progress.
 * Calls reject with errors of the table.
 */
export interface SystemHost {
  /** The data directory: state files, and the log itself where it is embedded. */
  readonly directory: string
  readonly offsets: OffsetsView
  /** Settles, never rejects, with the error when the system is gone: the run is over. */
  readonly failure: Promise<Error>
  /** Settles when `offsets` are as of its call, or later. Missing: they always are. */
  refresh?(): Promise<void>
  streams(): Promise<StreamInfo[]>
  createStream(spec: StreamSpec): Promise<StreamInfo>
  /** Makes the caller the producer's owner: what an earlier owner sends is refused from here on. */
  claim(producer: string, meta: string): Promise<ProducerState>
  producer(name: string): Promise<ProducerState | undefined>
  producers(): Promise<ProducerState[]>
  deltas(producer: string, afterId: number): Promise<StoredDelta[]>
  flushed(producer: string, id: number): Promise<void>
  trim(stream: number, partition: number, beforeOffset: number): Promise<void>
  statistics(): Promise<{ readonly journalBytes: number }>
  /** For another thread, which is to commit for these producers: they must have been claimed. */
  portFor(producers: readonly string[]): PortInit
  /** As `portFor`, on this thread. */
  openPort(producers: readonly string[]): Promise<LogPort>
  close(): Promise<void>
}
