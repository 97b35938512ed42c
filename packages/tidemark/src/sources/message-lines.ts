import { TidemarkError } from '../errors/error.ts'
import { RecordCursor } from '../log/record-cursor.ts'
import type { ByteWriter } from '../serde/byte-writer.ts'
import type { Serde } from '../serde/serde.ts'

const LF = 10
const NULL = Uint8Array.from([110, 117, 108, 108])
const utf8 = new TextDecoder()

export interface MessageLinesOptions {
  readonly stream: string
  readonly key: Serde<unknown>
  readonly value: Serde<unknown>
  /** `value`: the value alone; `message`: key, value, timestamp, partition, offset, and headers if there are any. */
  readonly form: 'value' | 'message'
}

/**
 * Writes the records of batches as JSON lines. What JSON has no word for: a bigint and bytes become strings (digits,
 * base64), a Map an array of pairs, a Set an array, a missing value null.
 */
export class MessageLines {
  readonly #options: MessageLinesOptions
  readonly #cursor = new RecordCursor()
  /** The bytes of a value are JSON already. */
  readonly #isJson: boolean

  constructor(options: MessageLinesOptions) {
    this.#options = options
    this.#isJson = options.value.name === 'json'
  }

  /** Appends the records of `bytes` with offsets from `from`; returns how many. Throws ERR_SERDE, naming the record. */
  append(bytes: Uint8Array, partition: number, from: number, out: ByteWriter): number {
    const cursor = this.#cursor
    let count = 0
    cursor.reset(bytes)
    while (cursor.nextBatch()) {
      if (cursor.isControl) continue
      while (cursor.next()) {
        if (cursor.offset < from) continue
        if (this.#options.form === 'message') out.string(this.#message(partition))
        else this.#value(partition, out)
        out.u8(LF)
        count++
      }
    }
    return count
  }

  #value(partition: number, out: ByteWriter): void {
    const { bytes, valueStart, valueEnd } = this.#cursor
    if (valueEnd < 0) {
      out.raw(NULL)
    } else if (this.#isJson && bytes.subarray(valueStart, valueEnd).indexOf(LF) < 0) {
      out.raw(bytes, valueStart, valueEnd)
    } else {
      out.string(toJson(this.#decode('value', valueStart, valueEnd, partition)))
    }
  }

  #message(partition: number): string {
    const cursor = this.#cursor
    const { timestamp, offset } = cursor
    const key = this.#decode('key', cursor.keyStart, cursor.keyEnd, partition)
    const value = this.#decode('value', cursor.valueStart, cursor.valueEnd, partition)
    const headers = cursor.headers().map(([name, bytes]) => [name, bytes === null ? null : utf8.decode(bytes)] as const)
    const message = { key, value, timestamp, partition, offset }
    return toJson(headers.length === 0 ? message : { ...message, headers: Object.fromEntries(headers) })
  }

  #decode(part: 'key' | 'value', start: number, end: number, partition: number): unknown {
    if (end < 0) return null
    try {
      return this.#options[part].read(this.#cursor.bytes, start, end)
    } catch (cause) {
      const { stream } = this.#options
      const { offset } = this.#cursor
      const why = cause instanceof Error ? cause.message : String(cause)
      throw new TidemarkError(
        'ERR_SERDE',
        `the ${part} of stream ${stream}, partition ${partition}, offset ${offset} cannot be decoded: ${why}`,
        { cause, details: { stream, partition, offset } },
      )
    }
  }
}

/** JSON text, on one line, of any value. */
export function toJson(value: unknown): string {
  return JSON.stringify(value, replaceForeign) ?? 'null'
}

function replaceForeign(_name: string, value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString()
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  if (value instanceof Map) return [...value]
  if (value instanceof Set) return [...value]
  return value
}
