import { murmur2 } from '../hash/murmur2.ts'
import { ByteWriter } from '../serde/byte-writer.ts'
import type { Serde } from '../serde/serde.ts'
import type { RecordCursor } from '../log/record-cursor.ts'
import type { HeldRow, RecordBytes } from './held-row.ts'
import { decodeAt, type HeaderList, MessageView, type Origin, RowMessage } from './message.ts'

const EMPTY = new Uint8Array(0)

/**
 * The record on its way through a task's operators: one object per task, loaded anew for each record. Key and value
 * exist as bytes, as a decoded value, or both; each form is made when first asked for, so that a flow that never looks
 * at a value never decodes it, and one that never changes it never encodes it again.
 */
export class Row {
  timestamp = 0
  /** Event-time progress of the input this row came by; minus infinity while unknown. */
  watermarkMs: number = Number.NEGATIVE_INFINITY
  keyBytes: Uint8Array = EMPTY
  keyStart = 0
  /** -1: the key is null. */
  keyEnd = -1
  private keyEncoded = true
  private keyDecoded = false
  private keyValue: unknown = null
  private keySerde: Serde<unknown>
  private readonly keyWriter = new ByteWriter(64)

  valueBytes: Uint8Array = EMPTY
  valueStart = 0
  valueEnd = -1
  private valueEncoded = true
  private valueDecoded = false
  private valueValue: unknown = null

  private origin: Origin
  private cursor: RecordCursor | null = null
  private offset = -1
  /** Of a row that waited: the record, which the cursor has left. */
  private held: RecordBytes | null = null
  private messageOf: MessageView | RowMessage | null = null
  /** Of a row without a record: the value that it was emitted with. */
  private emitted: unknown = null

  constructor(origin: Origin) {
    this.origin = origin
    this.keySerde = origin.key
  }

  /** Takes the record that the cursor stands on. */
  load(origin: Origin, cursor: RecordCursor, timestamp: number, watermarkMs: number): void {
    this.origin = origin
    this.cursor = cursor
    this.held = null
    this.offset = cursor.offset
    this.timestamp = timestamp
    this.watermarkMs = watermarkMs
    this.keyBytes = cursor.bytes
    this.keyStart = cursor.keyStart
    this.keyEnd = cursor.keyEnd
    this.keyEncoded = true
    this.keyDecoded = false
    this.keySerde = origin.key
    this.valueBytes = cursor.bytes
    this.valueStart = cursor.valueStart
    this.valueEnd = cursor.valueEnd
    this.valueEncoded = true
    this.valueDecoded = false
    this.messageOf = null
  }

  /** Makes the row one that an operator emits by itself (a closed window), with no record behind it. */
  make(
    origin: Origin,
    keySerde: Serde<unknown>,
    key: unknown,
    value: unknown,
    timestamp: number,
    watermarkMs: number,
  ): void {
    this.leaveRecord(origin, timestamp, watermarkMs)
    this.setKey(key, keySerde)
    this.setValue(value)
    this.messageOf = new RowMessage(origin.stream, origin.partition, timestamp, key, value)
  }

  /** Makes the row one that an operator emits by itself, whose key is encoded. The bytes must stay as they are. */
  emit(
    origin: Origin,
    keyBytes: Uint8Array,
    keyStart: number,
    keyEnd: number,
    value: unknown,
    timestamp: number,
    watermarkMs: number,
  ): void {
    this.leaveRecord(origin, timestamp, watermarkMs)
    this.keyBytes = keyBytes
    this.keyStart = keyStart
    this.keyEnd = keyEnd
    this.keyEncoded = true
    this.keyDecoded = false
    this.keySerde = origin.key
    this.emitted = value
    this.setValue(value)
    this.messageOf = null
  }

  /** No record is behind the row any more. */
  private leaveRecord(origin: Origin, timestamp: number, watermarkMs: number): void {
    this.origin = origin
    this.cursor = null
    this.held = null
    this.offset = -1
    this.timestamp = timestamp
    this.watermarkMs = watermarkMs
  }

  get hasKey(): boolean {
    return this.keyEncoded ? this.keyEnd >= 0 : this.keyValue !== null && this.keyValue !== undefined
  }

  get key(): unknown {
    if (!this.keyDecoded) {
      this.keyValue =
        this.keyEnd < 0 ? null : decodeAt(this.origin, 'key', this.offset, this.keyBytes, this.keyStart, this.keyEnd)
      this.keyDecoded = true
      if (typeof this.keyValue === 'object') this.lendTo(this.origin.key)
    }
    return this.keyValue
  }

  setKey(key: unknown, serde: Serde<unknown>): void {
    this.keyValue = key
    this.keySerde = serde
    this.keyDecoded = true
    this.keyEncoded = false
  }

  /** As encodeKey, with the serde of where the key goes: bytes of another serde are decoded and encoded again. */
  encodeKeyAs(serde: Serde<unknown>): void {
    if (this.keySerde !== serde && this.keySerde.name !== serde.name) this.setKey(this.key, serde)
    this.encodeKey()
  }

  /** Makes keyBytes[keyStart, keyEnd) valid. Only for a row that has a key. */
  encodeKey(): void {
    if (this.keyEncoded) return
    const writer = this.keyWriter
    writer.reset()
    this.keySerde.write(this.keyValue, writer)
    this.keyBytes = writer.bytes
    this.keyStart = 0
    this.keyEnd = writer.position
    this.keyEncoded = true
  }

  /** murmur2 of keyBytes[keyStart, keyEnd), which are valid. */
  get keyHash(): number {
    const { cursor } = this
    if (cursor !== null && cursor.hashed && this.keyBytes === cursor.bytes && this.keyStart === cursor.keyStart) {
      return cursor.keyHash
    }
    return murmur2(this.keyBytes, this.keyStart, this.keyEnd)
  }

  get value(): unknown {
    if (!this.valueDecoded) {
      this.valueValue =
        this.valueEnd < 0
          ? null
          : decodeAt(this.origin, 'value', this.offset, this.valueBytes, this.valueStart, this.valueEnd)
      this.valueDecoded = true
      if (typeof this.valueValue === 'object') this.lendTo(this.origin.value)
    }
    return this.valueValue
  }

  /** What a serde has made of the record's bytes may be a view of them, unless it says otherwise (see Serde.copies). */
  private lendTo(serde: Serde<unknown>): void {
    if (this.cursor !== null && serde.discipline === 'copied' && serde.copies !== true) this.cursor.lent = true
  }

  setValue(value: unknown): void {
    this.valueValue = value
    this.valueDecoded = true
    this.valueEncoded = false
  }

  /** True while valueBytes[valueStart, valueEnd) are the record's own bytes. */
  get valueIsRaw(): boolean {
    return this.valueEncoded
  }

  /** True when the value's own bytes will do for a stream with this serde: nothing changed it, and it is plain. */
  valueIsRawOf(serde: Serde<unknown>): boolean {
    return this.valueEncoded && this.origin.value === serde
  }

  /** The cursor, if the row is its record, all of it, and that has no headers; the value may have been looked at. */
  get asItCame(): RecordCursor | null {
    const { cursor } = this
    if (cursor === null || cursor.headerCount > 0 || !this.valueEncoded || !this.keyEncoded) return null
    if (this.keyBytes !== cursor.bytes || this.keyStart !== cursor.keyStart) return null
    return this.timestamp === cursor.timestamp ? cursor : null
  }

  /** The record behind the row, as callbacks see it: made once per record, when first asked for. */
  get message(): MessageView | RowMessage {
    if (this.messageOf === null) this.messageOf = this.makeMessage()
    return this.messageOf
  }

  private makeMessage(): MessageView | RowMessage {
    const { cursor, origin } = this
    if (cursor === null) {
      return new RowMessage(origin.stream, origin.partition, this.timestamp, this.key, this.emitted)
    }
    cursor.lent = true
    return new MessageView(
      this.origin,
      this.offset,
      this.timestamp,
      cursor.bytes,
      cursor.keyStart,
      cursor.keyEnd,
      cursor.valueStart,
      cursor.valueEnd,
      cursor.headerCount === 0 ? null : keepHeaders(cursor.headers()),
    )
  }

  /** The record's headers, if it has some and the row has not waited. */
  get headers(): HeaderList | null {
    const { cursor } = this
    return cursor === null || cursor.headerCount === 0 ? null : cursor.headers()
  }

  /** What an operator with several successors saves and puts back between them. */
  save(into: RowSave): void {
    into.keyDecoded = this.keyDecoded
    into.keyEncoded = this.keyEncoded
    into.keyValue = this.keyValue
    into.keyBytes = this.keyEncoded && this.keyBytes === this.keyWriter.bytes ? this.keyBytes.slice() : this.keyBytes
    into.keyStart = this.keyStart
    into.keyEnd = this.keyEnd
    into.keySerde = this.keySerde
    into.valueDecoded = this.valueDecoded
    into.valueEncoded = this.valueEncoded
    into.valueValue = this.valueValue
    into.timestamp = this.timestamp
  }

  restore(from: RowSave): void {
    this.keyDecoded = from.keyDecoded
    this.keyEncoded = from.keyEncoded
    this.keyValue = from.keyValue
    this.keyBytes = from.keyBytes
    this.keyStart = from.keyStart
    this.keyEnd = from.keyEnd
    this.keySerde = from.keySerde ?? this.keySerde
    this.valueDecoded = from.valueDecoded
    this.valueEncoded = from.valueEncoded
    this.valueValue = from.valueValue
    this.timestamp = from.timestamp
  }

  /** The row becomes one that has waited; `restore` and `setValue` follow. */
  resume({ origin, offset, watermarkMs, message, record }: HeldRow): void {
    this.origin = origin
    this.cursor = null
    this.held = record
    this.offset = offset
    this.watermarkMs = watermarkMs
    this.messageOf = message
  }

  get from(): Origin {
    return this.origin
  }

  /** The record as it came, whatever operators made of the row. */
  get record(): RecordBytes {
    return this.cursor ?? this.held ?? { bytes: EMPTY, keyStart: 0, keyEnd: -1, valueStart: 0, valueEnd: -1 }
  }

  /** The record's own key, bounded, for messages about errors; null if there is none. */
  describeKey(): string | null {
    const { bytes, keyStart, keyEnd } = this.record
    if (keyEnd < 0) return null
    try {
      return String(this.origin.key.read(bytes, keyStart, keyEnd)).slice(0, 64)
    } catch {
      return Buffer.from(bytes.subarray(keyStart, Math.min(keyEnd, keyStart + 16))).toString('hex')
    }
  }

  /** For messages about errors: where the record is. */
  where(): string {
    return `stream ${this.origin.stream}, partition ${this.origin.partition}, offset ${this.offset}`
  }

  get at(): { readonly stream: string; readonly partition: number; readonly offset: number } {
    return { stream: this.origin.stream, partition: this.origin.partition, offset: this.offset }
  }
}

function keepHeaders(headers: HeaderList): () => HeaderList {
  return () => headers
}

export class RowSave {
  keyDecoded = false
  keyEncoded = false
  keyValue: unknown = null
  keyBytes: Uint8Array = EMPTY
  keyStart = 0
  keyEnd = -1
  keySerde: Serde<unknown> | null = null
  valueDecoded = false
  valueEncoded = false
  valueValue: unknown = null
  timestamp = 0
}
