import { decodeMark, MARK_HEADER, MarkBoard } from '../checkpoint/marks.ts'
import type { InputPosition } from '../checkpoint/record.ts'
import { RecordCursor } from '../log/record-cursor.ts'
import type { OffsetsView, StreamReader } from '../log/types.ts'
import type { Origin } from './message.ts'
import type { EventTime } from './event-time.ts'
import type { Operator } from './operators/operator.ts'
import { SerdesAhead } from './prepare-serdes.ts'
import { bothOf, HashesAhead, KeysAhead } from './prefetch.ts'
import type { KeyCheck } from './key-check.ts'
import { MOST_TOUCHED } from '../store/types.ts'
import type { Pulse } from './pulse.ts'
import type { Row } from './row.ts'

/** How much is read from a partition at once. */
const READ_BYTES = 1024 * 1024
/** The clock is looked at once in so many records, after 1, 2, 4 ... in the beginning. */
const RECORDS_PER_LOOK = MOST_TOUCHED
/** Handlers that take longer than this for the first few records end their turn at the deadline all the same. */
const SLOW_MS = 1

export interface InputOptions {
  readonly origin: Origin
  readonly kind: 'source' | 'intermediate'
  /** Event time of a value; null: the record's timestamp. */
  readonly time: ((value: unknown) => number) | null
  readonly outOfOrderMs: number
  readonly reader: StreamReader
  readonly offsets: OffsetsView
  readonly slot: number
  readonly streamId: number
  readonly pulse: Pulse
  readonly root: Operator
  /** Tasks that write the intermediate stream. */
  readonly producers: number
  readonly restored: InputPosition | null
  /** Of a source whose records must be where its partitioner puts them. */
  readonly keyCheck?: KeyCheck | null
  /** No record may be processed until this has settled. */
  readonly wait: (promise: Promise<void>) => void
}

interface TimeOfStore {
  readonly eventTime: EventTime
  readonly place: number
}

/**
 * One input partition of a task: reads it, keeps its position and event-time progress, and pushes its records into the
 * task's operators. What it knows is part of the checkpoint.
 */
export class Input {
  readonly origin: Origin
  readonly kind: 'source' | 'intermediate'
  readonly root: Operator
  /** Monotonic time when it last had records; of the task, which has the clock. */
  activeAtMs = 0
  readonly #options: InputOptions
  readonly #cursor = new RecordCursor()
  readonly #board = new MarkBoard()
  readonly #ahead: KeysAhead
  readonly #hashes: HashesAhead
  /** Null: its serdes need nothing from elsewhere. */
  readonly #serdes: SerdesAhead | null
  /** Of stores with a TTL by event time, with the input's number in each. */
  readonly #eventTimes: TimeOfStore[] = []
  #position: number
  #newestMs: number = Number.NEGATIVE_INFINITY
  #passedMs: number = Number.NEGATIVE_INFINITY
  #endedAt: number | null
  #endedFor: string | null
  #finalEnd: number | null = null
  /** Where the finite source streams of the job end in this run, as far as that is known. */
  #ends = ''
  #loaded = false
  /** The offset behind what was read last: nothing is left to be seen before it once the cursor is through. */
  #readEnd = 0
  /** Operators were told that it is idle; after a start they may know it from the checkpoint. */
  #quiet = true
  /** Records from here on wait: the cut of a savepoint. */
  #cut: number = Number.POSITIVE_INFINITY
  /** The cursor stands on a record that waits. */
  #held = false
  #records = 0
  readonly #keyCheck: KeyCheck | null
  /** Records until the key of one is looked at. */
  #untilCheck = 1
  /** What was read last. */
  #batches: Uint8Array = new Uint8Array(0)

  constructor(options: InputOptions) {
    this.#options = options
    this.origin = options.origin
    this.kind = options.kind
    this.root = options.root
    this.#keyCheck = options.keyCheck ?? null
    const restored = options.restored
    this.#position = restored?.position ?? options.offsets.start(options.slot)
    this.#endedAt = restored?.endedAt ?? null
    this.#endedFor = restored?.endedFor ?? null
    if (restored !== null) {
      this.#board.restore(restored.marks, options.producers, restored.watermarkMs)
      if (restored.watermarkMs !== null) {
        this.#passedMs = restored.watermarkMs
        if (this.kind === 'source') this.#newestMs = restored.watermarkMs + options.outOfOrderMs
      }
      this.#newestMs = restored.newestMs ?? this.#newestMs
    }
    options.reader.seek(this.#position)
    this.#ahead = new KeysAhead(options.origin.key, options.time === null)
    this.#hashes = new HashesAhead(options.origin.key)
    this.#serdes = SerdesAhead.of(options.origin)
  }

  /** From now on, the times of its records are told there. */
  tells(eventTime: EventTime): void {
    this.#eventTimes.push({ eventTime, place: eventTime.join(this.#newestMs) })
  }

  get position(): number {
    return this.#position
  }

  get records(): number {
    return this.#records
  }

  /** Records up to here are to be processed, as far as they are visible; the input is caught up when its position is there. */
  get end(): number {
    const visible = this.#options.offsets.end(this.#options.slot)
    return this.#finalEnd === null ? visible : Math.min(visible, this.#finalEnd)
  }

  /** No record from here on is processed: the stream may grow beyond its end of this run. */
  get #limit(): number {
    return this.#finalEnd === null ? this.#cut : Math.min(this.#cut, this.#finalEnd)
  }

  get caughtUp(): boolean {
    return this.#position >= this.end
  }

  get watermarkMs(): number {
    return this.kind === 'intermediate' ? this.#board.watermarkMs : this.#newestMs - this.#options.outOfOrderMs
  }

  /** The input is finite and ends at this offset. */
  setEnd(offset: number): void {
    this.#finalEnd = offset
  }

  /** More is known of where the source streams end. */
  setEnds(ends: string): void {
    this.#ends = ends
    this.#board.expect(ends)
  }

  /** True when this input's end was reached and handled, and nothing came after it, here or in other partitions. */
  get ended(): boolean {
    return this.#endHandled && this.caughtUp
  }

  get #endHandled(): boolean {
    return this.#endedAt !== null && this.#endedAt === this.#position && this.#endedFor === this.#ends
  }

  /** `finish` has something to do. */
  get endDue(): boolean {
    const reached = this.kind === 'source' ? this.#atFinalEnd : this.#board.ended && this.caughtUp
    return reached && !this.#endHandled
  }

  get #atFinalEnd(): boolean {
    return this.#finalEnd !== null && this.#position >= this.#finalEnd
  }

  /** Processes nothing from this offset on, until it is lifted by infinity. */
  setCut(offset: number): void {
    this.#cut = offset
  }

  /** True when all that comes before the cut of a savepoint has been processed. */
  atBarrier(savepoint: string): boolean {
    if (this.kind === 'source') return this.#position >= this.#limit
    return this.#board.barrierComplete(savepoint, this.#options.producers)
  }

  get unbounded(): boolean {
    return this.kind === 'source' && this.#finalEnd === null
  }

  capture(): InputPosition {
    const watermarkMs = this.watermarkMs
    return {
      position: this.#position,
      watermarkMs: Number.isFinite(watermarkMs) ? watermarkMs : null,
      newestMs: Number.isFinite(this.#newestMs) ? this.#newestMs : null,
      endedAt: this.#endedAt,
      ...(this.#endedFor === null ? {} : { endedFor: this.#endedFor }),
      marks: this.kind === 'intermediate' ? this.#board.toJSON() : {},
    }
  }

  /** Tells the operators how far event time is; after a restart too, since operators start without it. */
  announce(): void {
    if (Number.isFinite(this.#passedMs)) this.root.advance(this.#passedMs)
  }

  /**
   * Processes records until `deadline` (by `now`), the end of what is there, or until `stop` says so. Returns how many
   * positions it moved. An error of a handler leaves the input standing behind the record that caused it.
   */
  process(row: Row, now: () => number, deadline: number, stop: () => boolean): number {
    const cursor = this.#cursor
    const before = this.#position
    const startedMs = now()
    let span = 1
    let left = span
    const limit = this.#limit
    this.#look(span)
    for (;;) {
      if (this.#position >= limit) break
      if (this.#held) this.#held = false
      else if (!cursor.next()) {
        if (!this.#nextBatch()) break
        if (span === RECORDS_PER_LOOK) this.#touch()
        // State that has to come from a disk, and schemas, are fetched first.
        if ((this.root.wantsPrefetch || this.#serdes !== null) && this.#prefetch()) break
        continue
      }
      if (cursor.offset < this.#position) continue
      if (cursor.offset >= limit) {
        // Offsets in between are of no record.
        this.#held = true
        this.#position = limit
        break
      }
      this.#position = cursor.offset + 1
      this.#one(row, cursor)
      if (stop()) break
      if (--left <= 0) {
        const nowMs = now()
        // A turn that comes late still does something, unless that takes long.
        if (nowMs >= deadline && (span === RECORDS_PER_LOOK || nowMs - startedMs >= SLOW_MS)) break
        span = Math.min(span * 2, RECORDS_PER_LOOK)
        left = span
        this.#look(span)
      }
    }
    if (this.#quiet && this.kind === 'source' && this.#position > before) this.#activate()
    return this.#position - before
  }

  /** Nothing has come for a while: the input holds no watermark back until something does. */
  idle(): void {
    this.#quiet = true
    this.root.idle()
  }

  #activate(): void {
    this.#quiet = false
    this.root.active()
  }

  /** Tells where the next records are, and the hashes of their keys, if that is worth it. */
  #look(count: number): void {
    const { pulse, streamId } = this.#options
    pulse.records(streamId, this.#position, count)
    if (count === RECORDS_PER_LOOK) this.#touch()
  }

  #touch(): void {
    if (!this.#loaded || !this.root.wantsTouch) return
    this.#hashes.read(this.#cursor)
    if (this.#hashes.count > 0) this.root.touch(this.#hashes)
  }

  #prefetch(): boolean {
    const promise = bothOf(this.#serdes?.missing(this.#cursor) ?? null, this.#prefetchState())
    if (promise !== null) this.#options.wait(promise)
    return promise !== null
  }

  #prefetchState(): Promise<void> | null {
    if (!this.root.wantsPrefetch) return null
    this.#ahead.read(this.#cursor)
    return this.root.prefetch(this.#ahead)
  }

  #one(row: Row, cursor: RecordCursor): void {
    if (this.kind === 'intermediate') {
      if (cursor.keyEnd < 0 && cursor.headerCount === 1 && isMark(cursor)) {
        this.#takeMark(cursor)
        return
      }
      row.load(this.origin, cursor, cursor.timestamp, this.#board.watermarkMs)
      this.#newer(cursor.timestamp)
    } else {
      this.#records++
      row.load(this.origin, cursor, cursor.timestamp, Number.NEGATIVE_INFINITY)
      if (this.#keyCheck !== null && --this.#untilCheck <= 0) {
        this.#untilCheck = this.#keyCheck.look(cursor, this.#batches)
      }
      const time = this.#options.time
      const timestamp = time === null ? cursor.timestamp : time(row.value)
      this.#newer(timestamp)
      row.timestamp = timestamp
      row.watermarkMs = this.#newestMs - this.#options.outOfOrderMs
    }
    this.root.process(row)
  }

  /** A record has this time. Marks play no part: where they stand between records depends on the producers' commits. */
  #newer(timestampMs: number): void {
    if (timestampMs <= this.#newestMs) return
    this.#newestMs = timestampMs
    for (let i = 0; i < this.#eventTimes.length; i++) {
      const { eventTime, place } = this.#eventTimes[i] as TimeOfStore
      eventTime.moved(place, timestampMs)
    }
  }

  #takeMark(cursor: RecordCursor): void {
    const mark = decodeMark(cursor.bytes, cursor.valueStart, cursor.valueEnd)
    this.#board.take(mark)
    this.advance()
    if (this.#board.ended && mark.kind === 'end') this.#end()
    else if (this.#board.idle) this.idle()
    else if (this.#quiet) this.#activate()
  }

  /** Greatest time of a record so far; minus infinity before the first message. */
  get newestMs(): number {
    return this.#newestMs
  }

  /** Tests only: event time goes on although no message came. */
  moveEventTime(toMs: number): void {
    this.#newer(toMs)
    this.advance()
  }

  /** Passes event-time progress on to the operators. */
  advance(): void {
    const watermarkMs = this.watermarkMs
    if (watermarkMs > this.#passedMs) {
      this.#passedMs = watermarkMs
      this.root.advance(watermarkMs)
    }
  }

  /** Handles the end; true when it did something. */
  finish(): boolean {
    if (!this.endDue) return false
    this.advance()
    this.#end()
    return true
  }

  #end(): void {
    this.root.end()
    this.#endedAt = this.#position
    this.#endedFor = this.#ends
  }

  #nextBatch(): boolean {
    const cursor = this.#cursor
    for (;;) {
      if (this.#loaded) {
        if (cursor.nextBatch()) return true
        this.#loaded = false
        if (!cursor.lent) this.#options.reader.done?.(this.#batches)
      }
      // Offsets of control records and of what compaction has removed are never seen.
      if (this.#readEnd > this.#position) this.#position = this.#readEnd
      if (this.#position >= this.end) return false
      const read = this.#options.reader.read(READ_BYTES)
      if (read === null) return false
      cursor.reset(read.bytes)
      this.#batches = read.bytes
      this.#readEnd = read.end
      this.#loaded = true
    }
  }

  close(): void {
    this.#options.reader.close()
  }
}

function isMark(cursor: RecordCursor): boolean {
  const headers = cursor.headers()
  return headers.length === 1 && headers[0]?.[0] === MARK_HEADER
}
