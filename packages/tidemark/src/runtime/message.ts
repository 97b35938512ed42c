import type { Serde } from '../serde/serde.ts'
import { TidemarkError } from '../errors/error.ts'

/** What all messages of one input partition have in common. */
export interface Origin {
  readonly stream: string
  readonly partition: number
  readonly key: Serde<unknown>
  readonly value: Serde<unknown>
  /** Told of each key that was decoded, so that stores need not encode it again; null: nobody wants to know. */
  readonly onKey: ((key: unknown, bytes: Uint8Array, start: number, end: number) => void) | null
}

export type HeaderList = readonly (readonly [string, Uint8Array | null])[]

const NO_HEADERS: HeaderList = Object.freeze([])

/**
 * A message as handlers and callbacks see it. Key and value are decoded when first asked for. It refers to the bytes of
 * its fetch buffer, which are never reused, so a message may be kept (and then keeps that buffer alive).
 */
export class MessageView {
  readonly timestamp: number
  private readonly origin: Origin
  private readonly at: number
  private readonly bytes: Uint8Array
  readonly keyStart: number
  readonly keyEnd: number
  private readonly valueStart: number
  private readonly valueEnd: number
  private readonly headersOf: (() => HeaderList) | null
  private keyValue: unknown = undefined
  private valueValue: unknown = undefined

  constructor(
    origin: Origin,
    offset: number,
    timestamp: number,
    bytes: Uint8Array,
    keyStart: number,
    keyEnd: number,
    valueStart: number,
    valueEnd: number,
    headersOf: (() => HeaderList) | null,
  ) {
    this.origin = origin
    this.at = offset
    this.timestamp = timestamp
    this.bytes = bytes
    this.keyStart = keyStart
    this.keyEnd = keyEnd
    this.valueStart = valueStart
    this.valueEnd = valueEnd
    this.headersOf = headersOf
  }

  get stream(): string {
    return this.origin.stream
  }

  get partition(): number {
    return this.origin.partition
  }

  get offset(): bigint {
    return BigInt(this.at)
  }

  get key(): unknown {
    if (this.keyValue === undefined) {
      if (this.keyEnd < 0) this.keyValue = null
      else {
        this.keyValue = decodeAt(this.origin, 'key', this.at, this.bytes, this.keyStart, this.keyEnd)
        if (this.origin.onKey !== null) this.origin.onKey(this.keyValue, this.bytes, this.keyStart, this.keyEnd)
      }
    }
    return this.keyValue
  }

  get value(): unknown {
    if (this.valueValue === undefined) {
      this.valueValue =
        this.valueEnd < 0 ? null : decodeAt(this.origin, 'value', this.at, this.bytes, this.valueStart, this.valueEnd)
    }
    return this.valueValue
  }

  get headers(): HeaderList {
    return this.headersOf === null ? NO_HEADERS : this.headersOf()
  }

  toJSON(): Record<string, unknown> {
    return {
      stream: this.stream,
      partition: this.partition,
      offset: String(this.at),
      timestamp: this.timestamp,
      key: this.key,
      value: this.value,
    }
  }
}

/** The message of a row that an operator made (a closed window): there is no record behind it. */
export class RowMessage {
  readonly stream: string
  readonly partition: number
  readonly timestamp: number
  readonly key: unknown
  readonly value: unknown
  readonly offset = -1n
  readonly headers: HeaderList = NO_HEADERS

  constructor(stream: string, partition: number, timestamp: number, key: unknown, value: unknown) {
    this.stream = stream
    this.partition = partition
    this.timestamp = timestamp
    this.key = key
    this.value = value
  }
}

/** Decodes a key or value of a record; a failure names the place (ERR_SERDE). */
export function decodeAt(
  origin: Origin,
  what: 'key' | 'value',
  offset: number,
  bytes: Uint8Array,
  start: number,
  end: number,
): unknown {
  try {
    return origin[what].read(bytes, start, end)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new TidemarkError(
      'ERR_SERDE',
      `the ${what} at stream ${origin.stream}, partition ${origin.partition}, offset ${offset} is not ${origin[what].name}: ${reason}`,
      { cause, details: { stream: origin.stream, partition: origin.partition, offset } },
    )
  }
}
