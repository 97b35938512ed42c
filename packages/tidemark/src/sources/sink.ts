import type { StreamDef } from '../api/stream.ts'
import { type Clock, systemClock } from '../clock/clock.ts'
import { fromWireError, TidemarkError } from '../errors/error.ts'
import type { CommitResult, LogPort, ProducerState, StreamInfo, StreamReader } from '../log/types.ts'
import { ByteWriter } from '../serde/byte-writer.ts'
import { MessageLines } from './message-lines.ts'
import type { SinkTarget, WrittenBytes } from './sink-target.ts'

const READ_BYTES = 256 * 1024
const COMMIT_BYTES = 4 * 1024 * 1024
const COMMIT_INTERVAL_MS = 200

/** What a sink needs of a reader. */
export type SinkReader = Pick<StreamReader, 'position' | 'seek' | 'read'>

/** Steps at which a test may end the process. */
export type SinkFailpoint = 'before-write' | 'after-write' | 'after-sync' | 'after-commit'

export interface SinkOptions {
  readonly log: LogPort
  readonly stream: StreamDef<unknown, unknown>
  readonly info: StreamInfo
  /** What the log answered to the claim of `sinkProducer(stream, target.name)`. */
  readonly producer: ProducerState
  /** One for each partition, in order. They belong to the caller. */
  readonly readers: readonly SinkReader[]
  readonly target: SinkTarget
  /** `value` (default): one value a line. `message`: key, value, timestamp, partition and offset. */
  readonly form?: 'value' | 'message'
  /** A commit is due at so many bytes (default 4 MiB), or ms after the first line (200), or when all is written. */
  readonly commitBytes?: number
  readonly commitIntervalMs?: number
  readonly clock?: Clock
  readonly failpoint?: (step: SinkFailpoint) => void
}

/** What a sink's producer keeps in the log. JSON. */
export interface SinkPosition {
  readonly version: 1
  /** The next offset of each partition. */
  readonly positions: readonly number[]
  readonly written: WrittenBytes
}

export interface SinkProgress {
  readonly records: number
  /** Records that the log's retention took away before they were written. */
  readonly missed: number
  readonly bytes: number
  readonly commits: number
}

/** The name of a sink's producer in the log. */
export function sinkProducer(stream: string, target: string): string {
  return `sink:${stream}:${target}`
}

/**
 * Writes the committed records of a stream as JSON lines: lines first, made durable, then one transaction in the log
 * with the positions and the length that was written. A file that is cut to that length at the next start holds each
 * record exactly once; standard output may get the lines since the last commit again.
 *
 * `run` rejects with the errors of the target, ERR_SERDE, ERR_SOURCE_FENCED, or the error of a failed commit.
 */
export class Sink {
  readonly #options: SinkOptions
  readonly #clock: Clock
  readonly #lines: MessageLines
  readonly #out = new ByteWriter(READ_BYTES * 2)
  #id: number
  #positions: number[] = []
  /** Bytes since the last commit, and when the first came. */
  #pendingBytes = 0
  #pendingSinceMs = 0
  /** Positions have moved since the last commit. */
  #moved = false
  #advanced = true
  #wake: (() => void) | null = null
  /** End offsets when `stop` was called; null before. */
  #goal: readonly number[] | null = null
  #records = 0
  #missed = 0
  #bytes = 0
  #commits = 0

  constructor(options: SinkOptions) {
    const { name, key, value } = options.stream
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#lines = new MessageLines({ stream: name, key, value, form: options.form ?? 'value' })
    this.#id = options.producer.id
    options.log.onAdvanced(() => this.#awake())
  }

  progress(): SinkProgress {
    return { records: this.#records, missed: this.#missed, bytes: this.#bytes, commits: this.#commits }
  }

  /** Ends `run` when everything that is in the stream now is written and committed. */
  stop(): void {
    this.#goal ??= this.#ends()
    this.#awake()
  }

  async run(): Promise<void> {
    const { target } = this.#options
    const restored = readSinkPosition(this.#options.producer.checkpoint)
    target.open(restored?.written ?? null)
    try {
      this.#seek(restored)
      // From here on the file is known to be ours, whatever a crash leaves in it.
      if (restored === null) await this.#commit()
      while (await this.#step());
    } finally {
      target.close()
    }
  }

  #seek(restored: SinkPosition | null): void {
    const { readers, log, info } = this.#options
    for (const [partition, reader] of readers.entries()) {
      this.#positions[partition] = restored?.positions[partition] ?? log.offsets.start(info.slot + partition)
      this.#skipMissed(reader, partition)
      reader.seek(this.#positions[partition])
    }
  }

  /** Writes what there is, once round the partitions; false when the sink has reached its goal. */
  async #step(): Promise<boolean> {
    this.#advanced = false
    let some = false
    for (let partition = 0; partition < this.#positions.length; partition++) {
      if (await this.#copy(partition)) some = true
    }
    if (this.#due(!some)) await this.#commit()
    if (some) return true
    const goal = this.#goal
    if (goal !== null && goal.every((end, partition) => (this.#positions[partition] as number) >= end)) return false
    if (!this.#advanced) await new Promise<void>((resolve) => void (this.#wake = resolve))
    return true
  }

  async #copy(partition: number): Promise<boolean> {
    const { readers, target, failpoint } = this.#options
    const reader = readers[partition] as SinkReader
    this.#skipMissed(reader, partition)
    const batches = reader.read(READ_BYTES)
    if (batches === null) return false
    const out = this.#out
    out.reset()
    this.#records += this.#lines.append(batches.bytes, partition, this.#positions[partition] as number, out)
    failpoint?.('before-write')
    if (out.position > 0) await target.write(out.bytes.subarray(0, out.position))
    failpoint?.('after-write')
    if (!this.#moved) this.#pendingSinceMs = this.#clock.monotonicMs()
    this.#moved = true
    this.#positions[partition] = batches.end
    this.#pendingBytes += out.position
    this.#bytes += out.position
    return true
  }

  /** Goes on at the stream's start when retention has taken away what was to be written next. */
  #skipMissed(reader: SinkReader, partition: number): void {
    const start = this.#options.log.offsets.start(this.#options.info.slot + partition)
    const position = this.#positions[partition] as number
    if (position >= start) return
    this.#missed += start - position
    this.#positions[partition] = start
    this.#moved = true
    reader.seek(start)
  }

  #due(allWritten: boolean): boolean {
    const { commitBytes = COMMIT_BYTES, commitIntervalMs = COMMIT_INTERVAL_MS } = this.#options
    if (!this.#moved) return false
    if (allWritten || this.#pendingBytes >= commitBytes) return true
    return this.#clock.monotonicMs() - this.#pendingSinceMs >= commitIntervalMs
  }

  async #commit(): Promise<void> {
    const { target, log, failpoint } = this.#options
    target.sync()
    failpoint?.('after-sync')
    const position: SinkPosition = { version: 1, positions: this.#positions, written: target.written() }
    const checkpoint = new TextEncoder().encode(JSON.stringify(position))
    const { producer, epoch } = this.#options.producer
    const transaction = { producer, epoch, id: ++this.#id, appends: [], delta: null, checkpoint }
    const result = await new Promise<CommitResult>((resolve) => log.commit(transaction, resolve))
    if (result.outcome !== 'committed') throw this.#failureOf(result)
    failpoint?.('after-commit')
    this.#commits++
    this.#moved = false
    this.#pendingBytes = 0
  }

  #failureOf(result: CommitResult): Error {
    if (result.error !== null) return fromWireError(result.error)
    const { stream, target } = this.#options
    return new TidemarkError(
      'ERR_SOURCE_FENCED',
      `another run has taken over the output ${target.name} of stream ${stream.name}. Only one run may write it.`,
      { details: { stream: stream.name, file: target.name } },
    )
  }

  #ends(): number[] {
    const { log, info } = this.#options
    return Array.from({ length: info.partitions }, (_, partition) => log.offsets.end(info.slot + partition))
  }

  #awake(): void {
    this.#advanced = true
    this.#wake?.()
  }
}

/** Null for a producer that has committed nothing yet. */
export function readSinkPosition(checkpoint: Uint8Array): SinkPosition | null {
  if (checkpoint.length === 0) return null
  return JSON.parse(new TextDecoder().decode(checkpoint)) as SinkPosition
}
