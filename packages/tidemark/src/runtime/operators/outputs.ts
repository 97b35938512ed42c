import type { Mark, ProducerMark } from '../../checkpoint/marks.ts'
import { encodeMark, MARK_HEADER } from '../../checkpoint/marks.ts'
import { TidemarkError } from '../../errors/error.ts'
import type { StreamDef } from '../../api/stream.ts'
import { type Partitioner, type Place, placeBy } from '../../hash/partitioners.ts'
import { ByteWriter } from '../../serde/byte-writer.ts'
import type { Serde } from '../../serde/serde.ts'
import type { OutputStream } from '../output-buffer.ts'
import type { HeaderList } from '../message.ts'
import type { SourceEnds } from '../source-ends.ts'
import type { Row } from '../row.ts'
import { Operator } from './operator.ts'

const EMPTY = new Uint8Array(0)

/** Encodes a row's value with the target's serde; a failure names the record that caused it (ERR_SERDE). */
function encodeValue(row: Row, serde: Serde<unknown>, writer: ByteWriter, target: string): void {
  writer.reset()
  try {
    serde.write(row.value, writer)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new TidemarkError(
      'ERR_SERDE',
      `a value for ${target} made from ${row.where()} is not ${serde.name}: ${reason}`,
      {
        cause,
        details: row.at,
      },
    )
  }
}

/** Encodes rows for one output stream: what a sink and a repartition have in common. */
class RowAppender {
  readonly output: OutputStream
  readonly #key: Serde<unknown>
  readonly #value: Serde<unknown>
  readonly #place: Place
  readonly #writer = new ByteWriter(1024)

  constructor(output: OutputStream, key: Serde<unknown>, value: Serde<unknown>, partitioner: Partitioner) {
    this.output = output
    this.#key = key
    this.#value = value
    this.#place = placeBy(partitioner, output.info.name)
  }

  /** The partition of a row that has a key; its key bytes are valid afterwards. */
  partitionOfKey(row: Row): number {
    row.encodeKeyAs(this.#key)
    return this.#place(row.keyBytes, row.keyStart, row.keyEnd, this.output.info.partitions)
  }

  /** Appends the row. `asIs`: the value's own bytes will do. */
  append(row: Row, partition: number, asIs: boolean, headers: HeaderList | null = null): void {
    const { output } = this
    const { timestamp, keyBytes, keyStart, keyEnd } = row
    if (asIs) {
      output.append(
        partition,
        timestamp,
        keyBytes,
        keyStart,
        keyEnd,
        row.valueBytes,
        row.valueStart,
        row.valueEnd,
        headers,
      )
    } else if (row.value === null || row.value === undefined) {
      output.append(partition, timestamp, keyBytes, keyStart, keyEnd, EMPTY, 0, -1, null)
    } else {
      const writer = this.#writer
      encodeValue(row, this.#value, writer, `stream ${output.info.name}`)
      output.append(partition, timestamp, keyBytes, keyStart, keyEnd, writer.bytes, 0, writer.position, null)
    }
  }
}

/** The last operator of a branch: `to(stream)`. */
export class SinkOperator extends Operator {
  readonly #rows: RowAppender
  readonly #value: Serde<unknown>
  #turn = 0

  constructor(output: OutputStream, { key, value, partitioner }: StreamDef<unknown, unknown>) {
    super()
    this.#rows = new RowAppender(output, key, value, partitioner)
    this.#value = value
  }

  override process(row: Row): void {
    const rows = this.#rows
    const partition = row.hasKey ? rows.partitionOfKey(row) : this.#turn++ % rows.output.info.partitions
    const asIs = row.valueIsRawOf(this.#value)
    if (asIs) {
      const cursor = row.asItCame
      if (cursor !== null && rows.output.pass(partition, cursor)) return
    }
    rows.append(row, partition, asIs)
  }
}

/**
 * Sends rows on to the task that owns their key, through an intermediate stream, and marks after them: one per
 * partition at each commit in which data was sent or the mark changed (design/03).
 */
export class RepartitionOperator extends Operator {
  readonly #output: OutputStream
  readonly #rows: RowAppender
  readonly #raw: boolean
  readonly #whole: boolean
  readonly #producer: number
  readonly #producers: number
  readonly #dropped: () => void
  #kind: ProducerMark['kind'] = 'watermark'
  #watermarkMs: number | null = null
  #sent: ProducerMark | null = null
  readonly #ends: SourceEnds
  /** Of the end that came through here last. */
  #endedFor: string | undefined
  #data = false
  /** The savepoint whose barrier goes out with the next commit. */
  #barrier: string | null = null

  constructor(options: {
    readonly output: OutputStream
    readonly key: Serde<unknown>
    readonly value: Serde<unknown>
    readonly raw: boolean
    readonly whole?: boolean
    readonly producer: number
    readonly producers: number
    readonly sent: ProducerMark | null
    /** Where the source streams end in this run. */
    readonly ends: SourceEnds
    readonly dropped: () => void
  }) {
    super()
    this.#output = options.output
    this.#rows = new RowAppender(options.output, options.key, options.value, 'murmur2')
    this.#raw = options.raw
    this.#whole = options.whole ?? false
    this.#producer = options.producer
    this.#producers = options.producers
    this.#dropped = options.dropped
    this.#sent = options.sent
    this.#ends = options.ends
    if (options.sent !== null) {
      this.#endedFor = options.sent.ends
      this.#kind = options.sent.kind
      this.#watermarkMs = options.sent.watermarkMs
    }
  }

  get stream(): string {
    return this.#output.info.name
  }

  override process(row: Row): void {
    this.#kind = 'watermark'
    if (this.#whole) {
      this.#pass(row)
      return
    }
    if (!row.hasKey) {
      // As in Kafka Streams: a record without a key belongs to no task. It is counted, not passed on.
      this.#dropped()
      return
    }
    const partition = this.#rows.partitionOfKey(row)
    this.#data = true
    this.#rows.append(row, partition, this.#raw && row.valueIsRaw)
  }

  /** The record as it came. Where it has no key, any task may have it. */
  #pass(row: Row): void {
    const partition = row.hasKey ? this.#rows.partitionOfKey(row) : this.#producer % this.#output.info.partitions
    this.#data = true
    this.#rows.append(row, partition, true, row.headers)
  }

  override advance(watermarkMs: number): void {
    if (watermarkMs === Number.NEGATIVE_INFINITY) return
    if (this.#watermarkMs === null || watermarkMs > this.#watermarkMs) {
      this.#watermarkMs = watermarkMs
    }
  }

  override idle(): void {
    // An end of an earlier run is over.
    if (this.#kind !== 'end' || this.#endedFor !== this.#ends.text) this.#kind = 'idle'
  }

  /** Else the watermark downstream would run ahead of an input whose rows are filtered out before they come here. */
  override active(): void {
    this.#kind = 'watermark'
  }

  override end(): void {
    this.#kind = 'end'
    this.#endedFor = this.#ends.text
  }

  /** All that comes before the cut of a savepoint has come through here: the next commit tells those downstream. */
  barrier(savepoint: string): void {
    this.#barrier = savepoint
  }

  /** True when the next commit has a mark to send. */
  get markDue(): boolean {
    const sent = this.#sent
    return (
      this.#data ||
      this.#barrier !== null ||
      (sent === null
        ? this.#kind !== 'watermark' || this.#watermarkMs !== null
        : sent.kind !== this.#kind ||
          sent.watermarkMs !== this.#watermarkMs ||
          (sent.kind === 'end' && sent.ends !== this.#endedFor))
    )
  }

  /** At freeze, after all data: appends the mark to every partition if it is due. Returns what was last sent. */
  appendMarks(): ProducerMark | null {
    if (this.markDue) {
      const progress: ProducerMark = {
        kind: this.#kind,
        watermarkMs: this.#watermarkMs,
        ...(this.#kind === 'end' && this.#endedFor !== undefined ? { ends: this.#endedFor } : {}),
      }
      const mark: Mark = {
        ...progress,
        producer: this.#producer,
        producers: this.#producers,
        ...(this.#barrier === null ? {} : { savepoint: this.#barrier }),
      }
      const bytes = encodeMark(mark)
      const timestamp = Math.max(0, this.#watermarkMs ?? 0)
      for (let p = 0; p < this.#output.info.partitions; p++) {
        this.#output.append(p, timestamp, EMPTY, 0, -1, bytes, 0, bytes.length, [[MARK_HEADER, null]])
      }
      this.#sent = progress
      this.#data = false
      this.#barrier = null
    }
    return this.#sent
  }
}
