import { TidemarkError } from '../errors/error.ts'
import * as header from './batch-header.ts'
import { CODECS, type Codec, decompress, plainBytes } from './codec.ts'
import { crc32c } from './crc/crc32c.ts'
import { readHeaders } from './record-headers.ts'

const EMPTY = new Uint8Array(0)
/** First values of fields that hold more than 32 bits: NaN makes the engine keep a double from the start, unboxed. */
const DOUBLE = Number.NaN
const TWO_27 = 0x8000000
const TWO_55 = 0x80000000000000

export interface RecordCursorOptions {
  /** False: do not check CRCs, for bytes that were checked before. */
  readonly verify?: boolean
}

/** Numbers of a record in `Ahead.places`. */
export const PLACES = 8

/** What `lead` takes: see RecordsAhead. */
interface Ahead {
  readonly count: number
  readonly offsets: Float64Array
  readonly timestamps: Float64Array
  readonly places: Int32Array
  readonly keyHashes: Int32Array
}

const NONE_AHEAD: Ahead = {
  count: 0,
  offsets: new Float64Array(0),
  timestamps: new Float64Array(0),
  places: new Int32Array(0),
  keyHashes: new Int32Array(0),
}

/**
 * Walks the records of batches (format v2) that stand back to back in bytes[start, end), in order, and allocates nothing
 * per record:
 *
 *     cursor.reset(bytes, start, end)
 *     while (cursor.nextBatch()) while (cursor.next()) use(cursor.bytes, cursor.valueStart, cursor.valueEnd)
 *
 * Fields say where the current record's parts lie in `bytes`; they hold until the next call. Batch fields hold after
 * `nextBatch`, record fields after `next`. Offsets, timestamps and ids are exact up to 2^53, the nearest double beyond.
 * Damage throws ERR_BATCH_CORRUPT with the batch's position and base offset; nothing outside the record is ever used.
 */
export class RecordCursor {
  /** What record positions refer to: the source, or the unpacked records of a compressed batch. */
  bytes: Uint8Array = EMPTY
  /** Offset of the record in its partition. */
  offset: number = DOUBLE
  /** Milliseconds since 1970; the time of appending if the partition is set so. */
  timestamp: number = DOUBLE
  keyStart = 0
  /** -1: the key is null. */
  keyEnd = -1
  valueStart = 0
  /** -1: the value is null. */
  valueEnd = -1
  headersStart = 0
  headerCount = 0
  /** All of the record, its length included. */
  recordStart = 0
  recordEnd = 0
  /** murmur2 of the key, if it is known: `hashed`. */
  keyHash = 0
  hashed = false

  /** The bytes that `reset` was given; batchStart and batchEnd refer to them. */
  source: Uint8Array = EMPTY
  /** Set by whoever goes on referring to `bytes` when the cursor has left the record: they may not be overwritten then. */
  lent = false
  batchStart = 0
  /** Where the next batch, or an incomplete one, starts. */
  batchEnd = 0
  baseOffset: number = DOUBLE
  /** Last offset the batch stands for, even if compaction has removed that record. */
  lastOffset: number = DOUBLE
  baseTimestamp: number = DOUBLE
  maxTimestamp: number = DOUBLE
  /** -1 for a producer that is neither idempotent nor transactional. */
  producerId: number = DOUBLE
  producerEpoch = -1
  baseSequence = -1
  recordCount = 0
  isTransactional = false
  isControl = false
  codec: Codec = 'none'
  /** After `nextBatch` gave false: true if the bytes end inside a batch. */
  incomplete = false

  private readonly verify: boolean
  private end = 0
  private filePosition = 0
  /** Records not yet read of the batch, the next one's position, and where they end. */
  private left = 0
  private at = 0
  private limit = 0
  private lastDelta = 0
  private lastOffsetDelta = 0
  private isAppendTime = false
  /** Records that were read ahead, and which is the next of them. */
  private ahead: Ahead = NONE_AHEAD
  private aheadAt = 0
  /** End of the last varint that took the slow path. */
  private varintEnd = 0

  constructor(options: RecordCursorOptions = {}) {
    this.verify = options.verify ?? true
  }

  /**
   * Starts over on bytes[start, end), which must not change until the last record is read. `filePosition` is where
   * bytes[0] stands in its file, for messages.
   */
  reset(bytes: Uint8Array, start = 0, end: number = bytes.length, filePosition = 0): void {
    this.filePosition = filePosition
    this.source = plainBytes(bytes)
    this.bytes = this.source
    this.end = end
    this.batchStart = start
    this.batchEnd = start
    this.left = 0
    this.at = 0
    this.limit = 0
    this.incomplete = false
    this.ahead = NONE_AHEAD
    this.lent = false
  }

  /** Takes the records that come next, in its batch, from `ahead`, which has read them of this cursor as it stands. */
  lead(ahead: Ahead): void {
    this.ahead = ahead
    this.aheadAt = 0
  }

  /** Gives what is left of the other's batch, while that stays where it is. */
  follow(other: RecordCursor): void {
    this.source = other.source
    this.bytes = other.bytes
    this.batchStart = other.batchStart
    this.baseOffset = other.baseOffset
    this.baseTimestamp = other.baseTimestamp
    this.maxTimestamp = other.maxTimestamp
    this.recordCount = other.recordCount
    this.isAppendTime = other.isAppendTime
    this.lastOffsetDelta = other.lastOffsetDelta
    this.lastDelta = other.lastDelta
    this.filePosition = other.filePosition
    this.at = other.at
    this.limit = other.limit
    this.left = other.left
  }

  /**
   * Goes on to the next batch (past unread records of this one); false at the end. Checks its header and CRC and unpacks
   * it. Throws ERR_BATCH_CORRUPT, and ERR_CODEC_UNSUPPORTED for snappy and lz4 that nobody registered.
   */
  nextBatch(): boolean {
    const bytes = this.source
    const start = this.batchEnd
    this.left = 0
    this.at = this.limit
    this.ahead = NONE_AHEAD
    if (!this.enter(bytes, start)) return false
    const bits = header.attributes(bytes, start)
    this.baseTimestamp = header.baseTimestamp(bytes, start)
    this.maxTimestamp = header.maxTimestamp(bytes, start)
    this.producerId = header.producerId(bytes, start)
    this.producerEpoch = header.producerEpoch(bytes, start)
    this.baseSequence = header.baseSequence(bytes, start)
    this.recordCount = header.recordCount(bytes, start)
    this.lastOffsetDelta = header.lastOffsetDelta(bytes, start)
    this.lastOffset = this.baseOffset + this.lastOffsetDelta
    this.isAppendTime = (bits & header.LOG_APPEND_TIME) !== 0
    this.isTransactional = (bits & header.TRANSACTIONAL) !== 0
    this.isControl = (bits & header.CONTROL) !== 0
    if (this.recordCount < 0) throw this.corrupt(`record count ${this.recordCount}`)
    if (this.lastOffsetDelta < 0) throw this.corrupt(`last offset delta ${this.lastOffsetDelta}`)
    this.open(bits & header.CODEC_MASK)
    this.left = this.recordCount
    this.lastDelta = -1
    return true
  }

  /** Finds the batch at `start` and checks that it is whole and its CRC right. */
  private enter(bytes: Uint8Array, start: number): boolean {
    const rest = this.end - start
    this.incomplete = false
    if (rest === 0) return false
    this.batchStart = start
    this.baseOffset = rest < header.LENGTH_PREFIX_BYTES ? -1 : header.baseOffset(bytes, start)
    const size = rest < header.LENGTH_PREFIX_BYTES ? header.HEADER_BYTES : header.batchSizeBytes(bytes, start)
    if (size < header.HEADER_BYTES) throw this.corrupt(`a length of ${size} bytes is less than a header`)
    if (rest > header.AT.magic && header.magic(bytes, start) !== header.MAGIC) {
      throw this.corrupt(`format ${header.magic(bytes, start)}, but only format 2 is read`)
    }
    if (size > rest) {
      this.incomplete = true
      return false
    }
    if (this.verify) {
      const stored = header.storedCrc(bytes, start)
      const actual = crc32c(bytes, start + header.AT.attributes, start + size)
      if (actual !== stored) throw this.corrupt(`its CRC is ${hex(actual)}, but ${hex(stored)} is stored`)
    }
    this.batchEnd = start + size
    return true
  }

  private open(codec: number): void {
    const records = this.batchStart + header.HEADER_BYTES
    const name = CODECS[codec]
    if (name === undefined) throw this.corrupt(`unknown codec ${codec}`)
    this.codec = name
    if (name === 'none') {
      this.bytes = this.source
      this.at = records
      this.limit = this.batchEnd
      return
    }
    try {
      this.bytes = decompress(name, this.source.subarray(records, this.batchEnd))
    } catch (error) {
      if (error instanceof TidemarkError) throw error
      throw this.corrupt(`its ${name} data cannot be unpacked`, error)
    }
    this.at = 0
    this.limit = this.bytes.length
  }

  /** The batch's records say themselves when they are of, and have no offsets between them that compaction has emptied. */
  get isWhole(): boolean {
    return !this.isAppendTime && this.recordCount === this.lastOffsetDelta + 1
  }

  /** Size of the batch as it came, header included. */
  get batchBytes(): number {
    return this.batchEnd - this.batchStart
  }

  /** Goes on to the next record of the batch; false after the last. Throws ERR_BATCH_CORRUPT. */
  next(): boolean {
    if (this.left === 0) return this.finish()
    if (this.aheadAt < this.ahead.count) return this.takeAhead()
    this.hashed = false
    const bytes = this.bytes
    const limit = this.limit
    let at = this.at
    this.recordStart = at
    // Varints of one and two bytes are read in line, longer ones by a call; a value of 0 or more is twice itself.
    let byte = bytes[at++] as number
    let raw = byte
    if (byte > 127) {
      byte = bytes[at++] as number
      raw = (raw & 127) | (byte << 7)
      if (byte > 127) {
        raw = this.varint(at - 2)
        at = this.varintEnd
      }
    }
    const end = at + (raw >> 1)
    if ((raw & 1) !== 0 || end > limit || end < at) throw this.corruptRecord('a length beyond the batch')
    at++ // attributes: none are defined

    byte = bytes[at++] as number
    raw = byte
    if (byte > 127) {
      byte = bytes[at++] as number
      raw = (raw & 127) | (byte << 7)
    }
    if (byte > 127) {
      this.timestamp = this.longTimestamp(at - 2)
      at = this.varintEnd
    } else {
      this.timestamp = this.isAppendTime ? this.maxTimestamp : this.baseTimestamp + ((raw >>> 1) ^ -(raw & 1))
    }

    byte = bytes[at++] as number
    raw = byte
    if (byte > 127) {
      byte = bytes[at++] as number
      raw = (raw & 127) | (byte << 7)
      if (byte > 127) {
        raw = this.varint(at - 2)
        at = this.varintEnd
      }
    }
    const delta = raw >>> 1
    if ((raw & 1) !== 0 || delta <= this.lastDelta || delta > this.lastOffsetDelta) {
      throw this.corruptRecord('an offset out of order or beyond the batch')
    }
    this.lastDelta = delta
    this.offset = this.baseOffset + delta
    this.recordEnd = end
    this.parts(bytes, at, end)
    this.at = end
    this.left--
    return true
  }

  private takeAhead(): boolean {
    const { offsets, timestamps, places, keyHashes } = this.ahead
    const i = this.aheadAt++
    const at = i * PLACES
    const offset = offsets[i] as number
    this.offset = offset
    this.timestamp = timestamps[i] as number
    this.recordStart = places[at] as number
    const end = places[at + 1] as number
    this.recordEnd = end
    this.keyStart = places[at + 2] as number
    this.keyEnd = places[at + 3] as number
    this.valueStart = places[at + 4] as number
    this.valueEnd = places[at + 5] as number
    this.headersStart = places[at + 6] as number
    this.headerCount = places[at + 7] as number
    this.keyHash = keyHashes[i] as number
    this.hashed = true
    this.lastDelta = offset - this.baseOffset
    this.at = end
    this.left--
    return true
  }

  /** Key, value and headers of the record, from its key length on. */
  private parts(bytes: Uint8Array, from: number, end: number): void {
    let at = from
    let byte = bytes[at++] as number
    let raw = byte
    if (byte > 127) {
      byte = bytes[at++] as number
      raw = (raw & 127) | (byte << 7)
      if (byte > 127) {
        raw = this.varint(at - 2)
        at = this.varintEnd
      }
    }
    this.keyStart = at
    if ((raw & 1) === 0) at += raw >>> 1
    else if (raw !== 1) throw this.corruptRecord('a negative key length')
    if (at > end) throw this.corruptRecord('a key beyond its end')
    this.keyEnd = raw === 1 ? -1 : at

    byte = bytes[at++] as number
    raw = byte
    if (byte > 127) {
      byte = bytes[at++] as number
      raw = (raw & 127) | (byte << 7)
      if (byte > 127) {
        raw = this.varint(at - 2)
        at = this.varintEnd
      }
    }
    this.valueStart = at
    if ((raw & 1) === 0) at += raw >>> 1
    else if (raw !== 1) throw this.corruptRecord('a negative value length')
    if (at > end) throw this.corruptRecord('a value beyond its end')
    this.valueEnd = raw === 1 ? -1 : at

    raw = bytes[at++] as number
    if (raw === 0 && at === end) {
      this.headersStart = at
      this.headerCount = 0
    } else {
      this.someHeaders(at - 1, end)
    }
  }

  private someHeaders(from: number, end: number): void {
    const raw = this.varint(from)
    const at = this.varintEnd
    const count = raw >>> 1
    // A header takes two bytes at least.
    if ((raw & 1) !== 0 || at + 2 * count > end) throw this.corruptRecord('headers beyond its end')
    if (count === 0 && at !== end) throw this.corruptRecord('bytes after its headers')
    this.headersStart = at
    this.headerCount = count
  }

  /**
   * The current record's headers, in order; names may repeat. Values are views of `bytes`: copy what is to be kept.
   * Headers are checked only here: throws ERR_BATCH_CORRUPT if they are malformed.
   */
  headers(): [string, Uint8Array | null][] {
    const list: [string, Uint8Array | null][] = []
    for (const { name, value } of this.rawHeaders()) list.push([utf8.decode(name), value])
    return list
  }

  /** As `headers`, with names as bytes. */
  rawHeaders(): { readonly name: Uint8Array; readonly value: Uint8Array | null }[] {
    if (this.headerCount === 0) return []
    const list = readHeaders(this.bytes, this.headersStart, this.recordEnd, this.headerCount)
    if (list === null) throw this.corruptRecord('malformed headers', this.offset)
    return list
  }

  /** Unsigned value of a varint of up to 32 bits, as int32; its end goes to `varintEnd`. */
  private varint(from: number): number {
    const bytes = this.bytes
    const limit = this.limit
    let raw = 0
    for (let at = from, shift = 0; at < limit && shift < 35; at++, shift += 7) {
      const byte = bytes[at] as number
      raw |= (byte & 127) << shift
      if (byte < 128) {
        if (shift === 28 && byte > 15) break
        this.varintEnd = at + 1
        return raw
      }
    }
    throw this.corruptRecord('a number that is too long')
  }

  /** The record's timestamp, if its delta takes three bytes or more. */
  private longTimestamp(from: number): number {
    const bytes = this.bytes
    const limit = this.limit
    let at = from
    let low = 0
    let middle = 0
    let high = 0
    for (let shift = 0; ; shift += 7, at++) {
      if (at >= limit || shift > 63) throw this.corruptRecord('a timestamp that is too long')
      const byte = bytes[at] as number
      const bits = byte & 127
      if (shift < 28) low |= bits << shift
      else if (shift < 56) middle |= bits << (shift - 28)
      else high |= bits << (shift - 56)
      if (byte < 128) break
    }
    if (high > 255) throw this.corruptRecord('a timestamp that is too long')
    this.varintEnd = at + 1
    if (this.isAppendTime) return this.maxTimestamp
    const half = (low >>> 1) + middle * TWO_27 + high * TWO_55
    if (half >= Number.MAX_SAFE_INTEGER) return this.hugeTimestamp(low, middle, high)
    return this.baseTimestamp + ((low & 1) === 0 ? half : -half - 1)
  }

  /** Doubles are not exact for the delta, but may be for the sum. */
  private hugeTimestamp(low: number, middle: number, high: number): number {
    const half = BigInt(low >>> 1) + (BigInt(middle) << 27n) + (BigInt(high) << 55n)
    return Number(BigInt(this.baseTimestamp) + ((low & 1) === 0 ? half : -half - 1n))
  }

  private finish(): boolean {
    if (this.at !== this.limit) throw this.corrupt(`${this.limit - this.at} bytes follow the last record`)
    return false
  }

  private corruptRecord(what: string, offset?: number): TidemarkError {
    const record = offset === undefined ? `record ${this.recordCount - this.left}` : `the record at offset ${offset}`
    return this.corrupt(`${record} has ${what}`)
  }

  private corrupt(what: string, cause?: unknown): TidemarkError {
    const { baseOffset } = this
    const position = this.filePosition + this.batchStart
    return new TidemarkError(
      'ERR_BATCH_CORRUPT',
      `damaged record batch at byte ${position} (base offset ${baseOffset}): ${what}. Restore the data from a copy.`,
      { cause, details: { position, baseOffset } },
    )
  }
}

const utf8 = new TextDecoder()

function hex(crc: number): string {
  return `0x${crc.toString(16).padStart(8, '0')}`
}
