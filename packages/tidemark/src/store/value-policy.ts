import { TidemarkError } from '../errors/error.ts'
import { ByteWriter } from '../serde/byte-writer.ts'
import type { Discipline, Serde } from '../serde/serde.ts'
import { readDeadline } from '../serde/time-bytes.ts'
import { ENCODED, TIMED } from './entry-flags.ts'
import { DEADLINE_BYTES, writeDeadline } from './deadline.ts'
import { deepFreeze } from '../serde/deep-freeze.ts'
import type { StoreSpec } from './types.ts'

const NUMBER_BYTES = 8
const OBJECT_BYTES = 96
/** An estimate of less than this part of the limit needs no exact size: text takes at most 6 bytes a character. */
const SURE_PART = 8
const MAX_SCRATCH_BYTES = 1 << 20

/**
 * How values of one store are taken in, kept and handed out: by reference (immutable), frozen (plain objects), or as
 * encoded bytes (copied). What cannot be encoded is refused at `admit`, where the message is, and not at the commit.
 */
export class ValuePolicy {
  /** Bytes, roughly, of what `admit` or `load` returned last. */
  bytes = 0
  /** The deadline of what `load` returned last, ms; infinity in a store without a TTL. */
  deadlineMs: number = Number.POSITIVE_INFINITY
  /** The store has a TTL: encoded values begin with a deadline. */
  readonly timed: boolean
  /** Flags that go with what `admit` returns. */
  readonly flags: number
  /** What the serde makes of bytes of the base may be handed out: it has none of these bytes in it. */
  readonly readsDirectly: boolean
  readonly #store: string
  readonly #serde: Serde<unknown>
  readonly #discipline: Discipline
  readonly #maxBytes: number
  readonly #check: ((value: unknown) => void) | null
  #scratch = new ByteWriter(256)

  constructor(spec: StoreSpec, maxBytes: number) {
    this.#store = spec.name
    this.#serde = spec.value
    this.#discipline = spec.value.discipline
    this.#maxBytes = maxBytes
    const serde = spec.value
    this.#check = serde.check === undefined ? null : (value) => serde.check?.(value)
    // Nothing with bytes in it can be frozen.
    this.readsDirectly = serde.discipline !== 'copied' || serde.copies === true
    this.timed = spec.ttl !== undefined && spec.ttl !== null
    this.flags = (this.#discipline === 'copied' ? ENCODED : 0) | (this.timed ? TIMED : 0)
  }

  /** Takes a user's value in; returns what is to be kept. ERR_NULL_VALUE, ERR_VALUE_TOO_LARGE, ERR_SERDE. */
  admit(value: unknown): unknown {
    if (value === null || value === undefined) throw this.#nullValue(value)
    try {
      if (this.#discipline === 'frozen') return this.#admitFrozen(value)
      if (this.#discipline === 'immutable' && typeof value === 'number' && this.#check !== null) {
        this.#check(value)
        this.bytes = NUMBER_BYTES
        return value
      }
      const size = this.#encodedSize(value)
      if (this.#discipline === 'copied') {
        this.bytes = size + OBJECT_BYTES
        return this.#scratch.bytes.slice(0, size)
      }
      this.bytes = typeof value === 'number' ? NUMBER_BYTES : size + NUMBER_BYTES
      return value
    } catch (error) {
      throw this.#named(error)
    }
  }

  #admitFrozen(value: unknown): unknown {
    let bytes = NUMBER_BYTES
    if (this.#check === null) bytes = this.#encodedSize(value)
    else this.#check(value)
    if (typeof value === 'object') bytes = deepFreeze(value as object)
    else if (typeof value === 'string') bytes = value.length
    if (bytes * SURE_PART > this.#maxBytes) bytes = this.#encodedSize(value)
    this.bytes = bytes
    return value
  }

  /** Encodes into the scratch and checks the size. */
  #encodedSize(value: unknown): number {
    if (this.#scratch.bytes.length > MAX_SCRATCH_BYTES) this.#scratch = new ByteWriter(256)
    const scratch = this.#scratch
    scratch.position = 0
    this.#serde.write(value, scratch)
    if (scratch.position > this.#maxBytes) throw this.#tooLarge(scratch.position)
    return scratch.position
  }

  /** What is handed out for what is kept. */
  expose(kept: unknown, flags: number): unknown {
    if ((flags & ENCODED) === 0) return kept
    const bytes = kept as Uint8Array
    return this.decode(bytes, 0, bytes.length)
  }

  /** A value of the base, as it is handed out. */
  decodeStored(bytes: Uint8Array, start: number, end: number): unknown {
    return this.decode(bytes, this.timed ? start + DEADLINE_BYTES : start, end)
  }

  /** The deadline of a value of the base that begins at `start`; infinity in a store without a TTL. */
  deadlineOf(bytes: Uint8Array, start: number): number {
    return this.timed ? readDeadline(bytes, start) : Number.POSITIVE_INFINITY
  }

  /** A value from bytes without a deadline, as it is handed out. */
  decode(bytes: Uint8Array, start: number, end: number): unknown {
    try {
      const value = this.#serde.read(bytes, start, end)
      if (this.#discipline === 'frozen' && typeof value === 'object' && value !== null) deepFreeze(value)
      return value
    } catch (error) {
      throw this.#named(error)
    }
  }

  /**
   * What is to be kept for committed bytes; they are copied if need be. `bytes`, `deadlineMs` and `loadedFlags` go with
   * it.
   */
  load(bytes: Uint8Array, from: number, end: number): unknown {
    let start = from
    if (this.timed) {
      this.deadlineMs = readDeadline(bytes, from)
      start += DEADLINE_BYTES
    }
    if (this.#discipline === 'immutable') {
      this.bytes = end - start + NUMBER_BYTES
      return this.decode(bytes, start, end)
    }
    this.bytes = end - start + OBJECT_BYTES
    return bytes.slice(start, end)
  }

  /** Flags of what `load` returns: objects are decoded when they are first asked for. */
  get loadedFlags(): number {
    return (this.#discipline === 'immutable' ? 0 : ENCODED) | (this.timed ? TIMED : 0)
  }

  /** True if a decoded value may be kept in the place of its bytes. */
  get keepsDecoded(): boolean {
    return this.#discipline !== 'copied'
  }

  /** Appends what goes into a delta or the base for what is kept. */
  encode(kept: unknown, flags: number, deadlineMs: number, out: ByteWriter): void {
    if (this.timed) writeDeadline(deadlineMs, out)
    if ((flags & ENCODED) !== 0) {
      out.raw(kept as Uint8Array)
      return
    }
    try {
      this.#serde.write(kept, out)
    } catch (error) {
      throw this.#named(error)
    }
  }

  #nullValue(value: null | undefined): TidemarkError {
    return new TidemarkError(
      'ERR_NULL_VALUE',
      `store ${this.#store}: the value is ${value}. Use delete to remove a key`,
      { details: { store: this.#store } },
    )
  }

  #tooLarge(sizeBytes: number): TidemarkError {
    return new TidemarkError(
      'ERR_VALUE_TOO_LARGE',
      `store ${this.#store}: a value takes ${sizeBytes} bytes, more than the limit of ${this.#maxBytes}. Split it, or raise the limit`,
      { details: { store: this.#store, sizeBytes, limitBytes: this.#maxBytes } },
    )
  }

  /** Names the store in an error of its serde. */
  #named(error: unknown): unknown {
    if (!(error instanceof TidemarkError) || error.details['store'] !== undefined) return error
    return new TidemarkError(error.code, `store ${this.#store}: ${error.message}`, {
      cause: error,
      details: { ...error.details, store: this.#store },
    })
  }
}
