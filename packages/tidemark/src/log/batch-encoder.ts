import { invariant, TidemarkError } from '../errors/error.ts'
import { ByteWriter } from '../serde/byte-writer.ts'
import * as header from './batch-header.ts'
import { CODECS, compress, type WriteCodec } from './codec.ts'

const utf8 = new TextEncoder()
/** Lengths are signed 32-bit integers in the format. */
const MAX_BATCH_BYTES = 0x7fffffff
const EXACT = 2 ** 52

/** Headers of a record, in order; names may repeat or be empty, values may be null. */
export type RecordHeaders = readonly (readonly [name: string, value: Uint8Array | null])[]

export interface FinishOptions {
  readonly codec?: WriteCodec
  /** -1, the default: neither idempotent nor transactional. */
  readonly producerId?: number
  readonly producerEpoch?: number
  readonly baseSequence?: number
  readonly transactional?: boolean
  readonly control?: boolean
}

/**
 * Builds one record batch (format v2) after another. Records are appended one by one, whole with `append`, or with a value
 * that is written in place with `begin`, the writer it gives, and `end`; `finish` gives the batch, and `reset` starts over.
 */
export class BatchEncoder {
  /** Records so far. */
  count = 0
  /** Timestamp of the first record, the highest one; -1 while there is none. */
  firstTimestamp: number = header.NONE
  maxTimestamp: number = header.NONE

  private readonly writer: ByteWriter
  /** Where a record that was begun and not ended starts; -1 if there is none. */
  private recordAt = -1
  private bodyAt = 0
  private valueAt = 0
  private lastTimestamp: number = header.NONE
  /** Bytes kept for the lengths of a record and its value before they are known: those that the last record needed. */
  private lengthRoom = 2
  private valueRoom = 2

  constructor(capacityBytes: number = 16 * 1024) {
    this.writer = new ByteWriter(Math.max(capacityBytes, 2 * header.HEADER_BYTES))
    this.writer.position = header.HEADER_BYTES
  }

  /** Size of the batch so far, header included, before compression. */
  get sizeBytes(): number {
    return this.recordAt < 0 ? this.writer.position : this.recordAt
  }

  /** Bytes of the record that was begun and not ended, so far, and the most that ending it without headers may add. */
  get begunBytes(): number {
    return this.recordAt < 0 ? 0 : this.writer.position - this.recordAt + 10
  }

  reset(): void {
    this.writer.position = header.HEADER_BYTES
    this.count = 0
    this.firstTimestamp = header.NONE
    this.maxTimestamp = header.NONE
    this.recordAt = -1
  }

  /**
   * Appends a record with key[keyStart, keyEnd) and value[valueStart, valueEnd), or null for none; the bytes are copied.
   * Throws ERR_RECORD_INVALID for a timestamp that is not an integer, and for a batch that grows over 2 GiB.
   */
  append(
    timestamp: number,
    key: Uint8Array | null,
    keyStart: number,
    keyEnd: number,
    value: Uint8Array | null,
    valueStart: number,
    valueEnd: number,
    headers: RecordHeaders | null,
  ): void {
    if (this.recordAt >= 0) this.cancel()
    const writer = this.writer
    const keyBytes = key === null ? 0 : keyEnd - keyStart
    const valueBytes = value === null ? 0 : valueEnd - valueStart
    const delta = this.timestampDelta(timestamp)
    const encoded = headers === null || headers.length === 0 ? null : encodeHeaders(headers)
    const bodyBytes =
      (encoded === null ? 1 : encoded.position) +
      1 +
      longSize(delta) +
      varintSize(2 * this.count) +
      (key === null ? 1 : varintSize(2 * keyBytes)) +
      keyBytes +
      (value === null ? 1 : varintSize(2 * valueBytes)) +
      valueBytes
    this.checkSize(bodyBytes)
    writer.ensure(bodyBytes + 5)
    const bytes = writer.bytes
    let at = putVaruint(bytes, writer.position, 2 * bodyBytes)
    at = this.putStart(bytes, at, delta, timestamp)
    at = putSlice(bytes, at, key, keyStart, keyEnd)
    at = putSlice(bytes, at, value, valueStart, valueEnd)
    if (encoded === null) bytes[at++] = 0
    else at = putBytes(bytes, at, encoded.bytes, 0, encoded.position)
    writer.position = at
    this.added(timestamp)
  }

  /**
   * Appends bytes[start, end) that are records already, as the first of the batch: their offsets count from 0, their times
   * from `times.base`, and `times.max` is the latest.
   */
  appendRun(
    bytes: Uint8Array,
    start: number,
    end: number,
    count: number,
    times: { readonly base: number; readonly max: number },
  ): void {
    invariant(this.count === 0, 'records that are encoded begin a batch')
    this.checkSize(end - start)
    this.writer.raw(bytes, start, end)
    this.count = count
    this.firstTimestamp = times.base
    this.maxTimestamp = times.max
  }

  /**
   * Starts a record whose value the caller appends to the writer that this gives (a serde does), and then calls `end`.
   * What was begun and not ended is dropped by the next call of any other method: so a serde may throw.
   * Throws ERR_RECORD_INVALID as `append` does.
   */
  begin(timestamp: number, key: Uint8Array | null, keyStart: number, keyEnd: number): ByteWriter {
    if (this.recordAt >= 0) this.cancel()
    const writer = this.writer
    const delta = this.timestampDelta(timestamp)
    const keyBytes = key === null ? 0 : keyEnd - keyStart
    this.checkSize(keyBytes)
    this.recordAt = writer.position
    this.lastTimestamp = timestamp
    writer.ensure(48 + keyBytes)
    const bytes = writer.bytes
    this.bodyAt = writer.position + this.lengthRoom
    let at = this.putStart(bytes, this.bodyAt, delta, timestamp)
    at = putSlice(bytes, at, key, keyStart, keyEnd) + this.valueRoom
    this.valueAt = at
    writer.position = at
    return writer
  }

  /** Ends the record that `begin` started. */
  end(headers: RecordHeaders | null): void {
    invariant(this.recordAt >= 0, 'end() of a record that was not begun')
    const writer = this.writer
    const valueBytes = writer.position - this.valueAt
    this.checkSize(0)
    this.valueRoom = this.fit(this.valueAt, this.valueRoom, valueBytes)
    if (headers === null || headers.length === 0) {
      writer.ensure(1)
      writer.bytes[writer.position++] = 0
    } else {
      const encoded = encodeHeaders(headers)
      writer.raw(encoded.bytes, 0, encoded.position)
    }
    this.lengthRoom = this.fit(this.bodyAt, this.lengthRoom, writer.position - this.bodyAt)
    this.recordAt = -1
    this.added(this.lastTimestamp)
  }

  /**
   * The batch, in an ArrayBuffer of its own (so it may be transferred), with base offset 0 and its CRC set. The encoder
   * keeps its records until `reset`. There must be one record at least.
   */
  finish(options: FinishOptions = {}): Uint8Array<ArrayBuffer> {
    if (this.recordAt >= 0) this.cancel()
    invariant(this.count > 0, 'a batch must have a record')
    const { codec = 'none' } = options
    const records = this.writer.bytes.subarray(header.HEADER_BYTES, this.writer.position)
    const packed = codec === 'none' ? records : compress(codec, records)
    const batch = new Uint8Array(header.HEADER_BYTES + packed.length)
    batch.set(packed, header.HEADER_BYTES)
    const bits =
      CODECS.indexOf(codec) |
      (options.transactional === true ? header.TRANSACTIONAL : 0) |
      (options.control === true ? header.CONTROL : 0)
    const { AT, NONE } = header
    header.writeInt32(batch, AT.batchLength, batch.length - header.LENGTH_PREFIX_BYTES)
    header.writeInt32(batch, AT.leaderEpoch, NONE)
    batch[AT.magic] = header.MAGIC
    header.writeInt16(batch, AT.attributes, bits)
    header.writeInt32(batch, AT.lastOffsetDelta, this.count - 1)
    header.writeInt64(batch, AT.baseTimestamp, this.firstTimestamp)
    header.writeInt64(batch, AT.maxTimestamp, this.maxTimestamp)
    header.writeInt64(batch, AT.producerId, options.producerId ?? NONE)
    header.writeInt16(batch, AT.producerEpoch, options.producerEpoch ?? NONE)
    header.writeInt32(batch, AT.baseSequence, options.baseSequence ?? NONE)
    header.writeInt32(batch, AT.recordCount, this.count)
    header.sealCrc(batch, 0, batch.length)
    return batch
  }

  private added(timestamp: number): void {
    if (this.count === 0) {
      this.firstTimestamp = timestamp
      this.maxTimestamp = timestamp
    } else if (timestamp > this.maxTimestamp) {
      this.maxTimestamp = timestamp
    }
    this.count++
  }

  private cancel(): void {
    this.writer.position = this.recordAt
    this.recordAt = -1
  }

  private timestampDelta(timestamp: number): number {
    const delta = this.count === 0 ? 0 : timestamp - this.firstTimestamp
    // A small integer less another one: both were integers. Anything else, and the first, is looked at.
    if ((delta | 0) === delta && this.count > 0) return delta
    if (!Number.isSafeInteger(timestamp)) {
      throw new TidemarkError(
        'ERR_RECORD_INVALID',
        `a timestamp must be a whole number of milliseconds below 2^53, but is ${timestamp}`,
        { details: { timestamp } },
      )
    }
    return delta
  }

  /** Attributes, timestamp and offset of a record. Numbers of one and two bytes are written in line, for speed. */
  private putStart(bytes: Uint8Array, start: number, delta: number, timestamp: number): number {
    let at = start
    bytes[at++] = 0
    const time = delta < 0 ? -2 * delta - 1 : 2 * delta
    if (time < 0x80) {
      bytes[at++] = time
    } else if (time < 0x4000) {
      bytes[at++] = time | 0x80
      bytes[at++] = time >>> 7
    } else {
      at = this.putLongDelta(bytes, at, delta, timestamp)
    }
    const offset = 2 * this.count
    if (offset < 0x80) {
      bytes[at++] = offset
    } else if (offset < 0x4000) {
      bytes[at++] = offset | 0x80
      bytes[at++] = offset >>> 7
    } else {
      at = putLongVaruint(bytes, at, offset)
    }
    return at
  }

  private putLongDelta(bytes: Uint8Array, start: number, delta: number, timestamp: number): number {
    if (delta > -EXACT && delta < EXACT) return putLongVaruint(bytes, start, delta < 0 ? -2 * delta - 1 : 2 * delta)
    const exact = BigInt(timestamp) - BigInt(this.firstTimestamp)
    let rest = exact < 0n ? -2n * exact - 1n : 2n * exact
    let at = start
    for (; rest > 127n; rest >>= 7n) bytes[at++] = Number(rest & 127n) | 0x80
    bytes[at++] = Number(rest)
    return at
  }

  /** Writes `length` before `at`, where `room` bytes were kept for it; moves what follows if it needs another size. */
  private fit(at: number, room: number, length: number): number {
    const size = varintSize(2 * length)
    if (size !== room) {
      const writer = this.writer
      writer.ensure(8)
      writer.bytes.copyWithin(at - room + size, at, writer.position)
      writer.position += size - room
    }
    putVaruint(this.writer.bytes, at - room, 2 * length)
    return size
  }

  private checkSize(moreBytes: number): void {
    const sizeBytes = this.writer.position + moreBytes
    if (sizeBytes <= MAX_BATCH_BYTES - 1024) return
    if (this.recordAt >= 0) this.cancel()
    throw new TidemarkError('ERR_RECORD_INVALID', `a batch of ${sizeBytes} bytes is larger than the format allows`, {
      details: { sizeBytes },
    })
  }
}

const headerWriter = new ByteWriter(256)

function encodeHeaders(headers: RecordHeaders): ByteWriter {
  const out = headerWriter
  out.reset()
  out.varuint(2 * headers.length)
  for (const [name, value] of headers) {
    const bytes = utf8.encode(name)
    out.varuint(2 * bytes.length)
    out.raw(bytes)
    if (value === null) {
      out.u8(1)
    } else {
      out.varuint(2 * value.length)
      out.raw(value)
    }
  }
  return out
}

/** Above this, a copy by the engine is faster than a loop. */
const SHORT_BYTES = 40

/** The `put` functions write at a position, where there must be room, and give the position after. */
function putVaruint(bytes: Uint8Array, at: number, value: number): number {
  if (value < 0x80) {
    bytes[at] = value
    return at + 1
  }
  if (value < 0x4000) {
    bytes[at] = value | 0x80
    bytes[at + 1] = value >>> 7
    return at + 2
  }
  return putLongVaruint(bytes, at, value)
}

function putLongVaruint(bytes: Uint8Array, start: number, value: number): number {
  let at = start
  let rest = value
  while (rest > 0x7fffffff) {
    bytes[at++] = (rest % 128) | 0x80
    rest = Math.floor(rest / 128)
  }
  while (rest > 127) {
    bytes[at++] = rest | 0x80
    rest >>>= 7
  }
  bytes[at] = rest
  return at + 1
}

function putBytes(bytes: Uint8Array, at: number, source: Uint8Array, start: number, end: number): number {
  const count = end - start
  if (count > SHORT_BYTES) {
    bytes.set(start === 0 && end === source.length ? source : source.subarray(start, end), at)
    return at + count
  }
  let to = at
  let from = start
  for (; from + 4 <= end; from += 4, to += 4) {
    bytes[to] = source[from] as number
    bytes[to + 1] = source[from + 1] as number
    bytes[to + 2] = source[from + 2] as number
    bytes[to + 3] = source[from + 3] as number
  }
  for (; from < end; from++, to++) bytes[to] = source[from] as number
  return to
}

/** A length and bytes, or a length of -1 for null. */
function putSlice(bytes: Uint8Array, at: number, source: Uint8Array | null, start: number, end: number): number {
  if (source !== null) return putBytes(bytes, putVaruint(bytes, at, 2 * (end - start)), source, start, end)
  bytes[at] = 1
  return at + 1
}

/** Bytes of an unsigned varint of up to 32 bits. */
function varintSize(value: number): number {
  if (value < 0x80) return 1
  if (value < 0x4000) return 2
  if (value < 0x200000) return 3
  return value < 0x10000000 ? 4 : 5
}

/** Bytes of a signed varint of 64 bits. */
function longSize(delta: number): number {
  if (delta >= -64 && delta < 64) return 1
  if (delta >= -8192 && delta < 8192) return 2
  let size = 3
  for (let half = 1048576; size < 10 && (delta < 0 ? -delta > half : delta >= half); half *= 128) size++
  return size
}
