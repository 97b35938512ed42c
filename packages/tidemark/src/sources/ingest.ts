import type { ErrorPolicy } from '../api/app.ts'
import type { StreamDef } from '../api/stream.ts'
import { type Clock, systemClock } from '../clock/clock.ts'
import { fromWireError, TidemarkError } from '../errors/error.ts'
import type { CommitResult, LogPort, ProducerState, StreamInfo } from '../log/types.ts'
import { RowBatch } from './row-batch.ts'
import { RowEncoder } from './row-encoder.ts'
import { type Json, type RowSource, realWaiter, type Waiter } from './row-source.ts'
import { malformedError } from './row-text.ts'

const COMMIT_BYTES = 1024 * 1024
const COMMIT_ROWS = 10_000
const COMMIT_INTERVAL_MS = 200
/** A commit is encoded while the one before is written. */
const MAX_IN_FLIGHT = 2
const PAUSE_MS = 10
const HOW_TO_GO_ON = '. Mend the row and run again, or choose another policy (onError: drop, deadLetter).'

export interface IngestOptions {
  readonly log: LogPort
  readonly stream: StreamDef<unknown, unknown>
  readonly info: StreamInfo
  readonly source: RowSource
  /** What the log answered to the claim of `sourceProducer(stream, source.name)`. */
  readonly producer: ProducerState
  /** What to do with a row that cannot be read, encoded or given a time (default fail). */
  readonly onError?: ErrorPolicy
  /** The stream that policy `deadLetter` names. */
  readonly deadLetters?: StreamInfo
  /** While it is true, nothing is read: back-pressure. */
  readonly pauseWhile?: () => boolean
  /** A commit is due at so many bytes (default 1 MiB), rows (10,000), or ms after its first row (200). */
  readonly commitBytes?: number
  readonly commitRows?: number
  readonly commitIntervalMs?: number
  readonly clock?: Clock
  readonly waiter?: Waiter
}

/** Counts of this run. */
export interface IngestProgress {
  /** Rows read, malformed ones too, and those of them that are committed. */
  readonly rows: number
  readonly committedRows: number
  /** Bytes of input (uncompressed) that the rows took. */
  readonly bytes: number
  readonly dropped: number
  readonly deadLettered: number
  readonly commits: number
}

/** How an ingest ended without error. */
export interface IngestEnd {
  /** The source has no more rows; false after `stop`. */
  readonly finished: boolean
  /** End offsets of the stream's partitions once everything was committed. */
  readonly ends: readonly number[]
  readonly progress: IngestProgress
}

/** The name of a source's producer in the log. */
export function sourceProducer(stream: string, source: string): string {
  return `source:${stream}:${source}`
}

/**
 * Reads one source into one stream. Each commit is one transaction of records and the position after them, so that a
 * crash loses nothing and repeats nothing that the source can read again. Positions are between the pieces that the
 * source gives, and the partition of a row depends on the row alone: reading on gives the same stream as reading
 * without a crash. Memory: one commit that is filled, two that are written.
 *
 * `run` rejects with what the source throws, with ERR_INPUT_MALFORMED (policy fail; the piece with the row is not taken),
 * ERR_SOURCE_FENCED, or the error of a failed commit. What was committed before stays.
 */
export class Ingest {
  readonly #options: IngestOptions
  readonly #clock: Clock
  readonly #waiter: Waiter
  readonly #encoder: RowEncoder
  readonly #policy: ErrorPolicy
  readonly #batch = new RowBatch()
  #id: number
  /** Rows in the commit that is being filled, and when its first came. */
  #pendingRows = 0
  #pendingSinceMs = 0
  #inFlight = 0
  #failure: Error | null = null
  #wake: (() => void) | null = null
  #stopping = false
  /** It has seen that it is to pause, and has nothing more to add to what it has sent. */
  #pausing = false
  #over = false
  #rows = 0
  #committedRows = 0
  #bytes = 0
  #dropped = 0
  #deadLettered = 0
  #commits = 0

  constructor(options: IngestOptions) {
    const { stream, info, onError = 'fail', deadLetters = null } = options
    if (typeof onError === 'object' && deadLetters === null) {
      throw new TidemarkError(
        'ERR_UNKNOWN_STREAM',
        `the dead-letter stream ${onError.deadLetter} of the input of ${stream.name} does not exist`,
        { details: { stream: stream.name } },
      )
    }
    this.#options = options
    this.#policy = onError
    this.#clock = options.clock ?? systemClock
    this.#waiter = options.waiter ?? realWaiter
    this.#encoder = new RowEncoder({ stream, info, deadLetters, clock: this.#clock })
    this.#id = options.producer.id
  }

  progress(): IngestProgress {
    return {
      rows: this.#rows,
      committedRows: this.#committedRows,
      bytes: this.#bytes,
      dropped: this.#dropped,
      deadLettered: this.#deadLettered,
      commits: this.#commits,
    }
  }

  /** Standing still: it reads nothing, and all that it has read is committed. Also once it has ended. */
  get paused(): boolean {
    return this.#over || (this.#pausing && this.#inFlight === 0)
  }

  /** Ends `run` soon, after committing what was read. */
  stop(): void {
    this.#stopping = true
  }

  async run(): Promise<IngestEnd> {
    const { source, producer, log, info } = this.#options
    let finished = false
    try {
      await source.open(readPosition(producer.checkpoint))
      while (!finished && !this.#stopping) finished = await this.#step()
      await this.#commit()
      await this.#drained(0)
    } finally {
      while (this.#inFlight > 0) await this.#turn()
      this.#over = true
      await source.close()
    }
    const ends = Array.from({ length: info.partitions }, (_, p) => log.offsets.end(info.slot + p))
    return { finished, ends, progress: this.progress() }
  }

  /** Takes one piece of the source; true at its end. */
  async #step(): Promise<boolean> {
    if (this.#options.pauseWhile?.() === true) {
      await this.#commit()
      this.#pausing = true
      await this.#waiter.wait(PAUSE_MS)
      if (this.#failure !== null) throw this.#failure
      return false
    }
    this.#pausing = false
    const state = await this.#options.source.next(this.#batch)
    this.#take()
    if (state === 'end') return true
    if (this.#due(state === 'idle')) await this.#commit()
    return false
  }

  #take(): void {
    const batch = this.#batch
    if (batch.count === 0) return
    const { source } = this.#options
    this.#encoder.sampleTime()
    const first = source.rows - batch.count
    for (let i = 0; i < batch.count; i++) {
      const bad = this.#encoder.add(batch, i, first + i)
      if (bad === null) continue
      if (this.#policy === 'fail') throw malformedError(source.name, bad, HOW_TO_GO_ON)
      if (this.#policy === 'drop') {
        this.#dropped++
      } else {
        this.#encoder.addDeadLetter(bad, source.name, first + i)
        this.#deadLettered++
      }
    }
    if (this.#pendingRows === 0) this.#pendingSinceMs = this.#clock.monotonicMs()
    this.#pendingRows += batch.count
    this.#rows += batch.count
    this.#bytes += batch.sizeBytes
  }

  #due(idle: boolean): boolean {
    const {
      commitRows = COMMIT_ROWS,
      commitBytes = COMMIT_BYTES,
      commitIntervalMs = COMMIT_INTERVAL_MS,
    } = this.#options
    if (this.#pendingRows === 0) return false
    if (idle || this.#pendingRows >= commitRows || this.#encoder.sizeBytes >= commitBytes) return true
    return this.#clock.monotonicMs() - this.#pendingSinceMs >= commitIntervalMs
  }

  async #commit(): Promise<void> {
    if (this.#pendingRows === 0) return
    const rows = this.#pendingRows
    const checkpoint = writePosition(this.#options.source.position())
    const appends = this.#encoder.seal()
    this.#pendingRows = 0
    await this.#drained(MAX_IN_FLIGHT - 1)
    this.#inFlight++
    const { producer, epoch } = this.#options.producer
    const transaction = { producer, epoch, id: ++this.#id, appends, delta: null, checkpoint }
    try {
      this.#options.log.commit(transaction, (result) => this.#done(result, rows))
    } catch (error) {
      // A log on this thread that has ended: no answer will come.
      this.#inFlight--
      throw error
    }
  }

  /**
   * The first commit that is not committed decides: the log refuses the ones after it, since their ids do not follow.
   */
  #done(result: CommitResult, rows: number): void {
    this.#inFlight--
    if (result.outcome === 'committed') {
      this.#commits++
      this.#committedRows += rows
    } else {
      this.#failure ??= this.#failureOf(result)
    }
    this.#wake?.()
  }

  #failureOf(result: CommitResult): Error {
    if (result.error !== null) return fromWireError(result.error)
    const { stream, source } = this.#options
    return new TidemarkError(
      'ERR_SOURCE_FENCED',
      `another run has taken over the input ${source.name} of stream ${stream.name}. Only one run may read it.`,
      { details: { stream: stream.name, file: source.name } },
    )
  }

  /** Waits until at most `most` commits are in flight; throws the error of one that failed. */
  async #drained(most: number): Promise<void> {
    while (this.#inFlight > most && this.#failure === null) await this.#turn()
    if (this.#failure !== null) throw this.#failure
  }

  #turn(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }
}

function writePosition(position: Json): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ version: 1, position }))
}

/** Null for a producer that has committed nothing yet. */
export function readPosition(checkpoint: Uint8Array): Json | null {
  if (checkpoint.length === 0) return null
  const { position } = JSON.parse(new TextDecoder().decode(checkpoint)) as { readonly position: Json }
  return position
}
