import { MARK_HEADER } from '../checkpoint/marks.ts'
import { TidemarkError } from '../errors/error.ts'
import { RecordCursor } from '../log/record-cursor.ts'
import type { Serde } from '../serde/serde.ts'
import { decodeUtf8 } from '../serde/string.ts'
import type { RecordSerdes } from './stream-meta.ts'

/** A record as tools show it; bytes where the serde is not known. */
export interface ReadRecord {
  readonly partition: number
  readonly offset: number
  readonly timestamp: number
  readonly key: unknown
  readonly value: unknown
  /** Text where it is UTF-8, bytes otherwise. Null when the record has none. */
  readonly headers: readonly (readonly [name: string, value: string | Uint8Array | null])[] | null
}

export interface RecordDecoderOptions {
  readonly stream: string
  readonly serdes: RecordSerdes
  /** Marks of intermediate streams too. */
  readonly marks: boolean
}

/** Decodes record batches as tools show them. ERR_SERDE names stream, partition and offset. */
export class RecordDecoder {
  readonly #options: RecordDecoderOptions
  readonly #cursor = new RecordCursor()

  constructor(options: RecordDecoderOptions) {
    this.#options = options
  }

  /** The data records of batches that stand back to back, from an offset up to another, not included. */
  *records(
    partition: number,
    batches: Uint8Array,
    from: number,
    to: number = Number.POSITIVE_INFINITY,
  ): Generator<ReadRecord, void> {
    const cursor = this.#cursor
    cursor.reset(batches)
    while (cursor.nextBatch()) {
      if (cursor.isControl) continue
      while (cursor.next()) {
        // A batch may begin before the offset that was asked for, and end behind it.
        if (cursor.offset < from || cursor.offset >= to) continue
        const headers = cursor.headerCount === 0 ? null : cursor.headers()
        if (!this.#options.marks && headers?.some(([name]) => name === MARK_HEADER)) continue
        const { bytes, offset, timestamp } = cursor
        yield {
          partition,
          offset,
          timestamp,
          key: this.#decode('key', bytes, cursor.keyStart, cursor.keyEnd, partition, offset),
          value: this.#decode('value', bytes, cursor.valueStart, cursor.valueEnd, partition, offset),
          headers: headers?.map(([name, value]) => [name, value === null ? null : textOrBytes(value)] as const) ?? null,
        }
      }
    }
  }

  #decode(
    part: 'key' | 'value',
    bytes: Uint8Array,
    start: number,
    end: number,
    partition: number,
    offset: number,
  ): unknown {
    if (end < 0) return null
    const { stream, serdes } = this.#options
    const serde: Serde<unknown> = serdes[part]
    try {
      return serde.read(bytes, start, end)
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause)
      const where = `stream "${stream}", partition ${partition}, offset ${offset}`
      throw new TidemarkError('ERR_SERDE', `${where}: the ${part} is not of serde ${serde.name}: ${why}`, {
        cause,
        details: { stream, partition, offset },
      })
    }
  }
}

/** Text where bytes are valid UTF-8, a copy of them otherwise. */
export function textOrBytes(bytes: Uint8Array, start = 0, end: number = bytes.length): string | Uint8Array {
  try {
    return decodeUtf8(bytes, start, end)
  } catch {
    return bytes.slice(start, end)
  }
}
