import type { ByteWriter } from './byte-writer.ts'

/**
 * Who may change an object that is kept in state (design/01, "Values"): `immutable` values are kept by reference,
 * `frozen` ones are deep-frozen at put and when decoded, `copied` ones are encoded at put and decoded at each get.
 */
export type Discipline = 'immutable' | 'frozen' | 'copied'

/** What a serde has to get from elsewhere before it can be used. Streams and stores of a job ask for it. */
export interface SerdePreparation {
  /** Once before anything is written. Rejects when it cannot be used. */
  write(): Promise<void>
  /**
   * Null: bytes[start, end) can be read now, or `read` throws why they cannot. Otherwise settles when that is so; asked for
   * every record of a batch before the first of it is decoded. Rejects when that may be otherwise later.
   */
  read(bytes: Uint8Array, start: number, end: number): Promise<void> | null
}

/** How values of T become bytes and come back. Implementations throw ERR_SERDE, and never keep what they are given. */
export interface Serde<in out T> {
  /** Stable; stored with the data, so that tools can decode without the job (`string`, `json`, `uint`, ...). */
  readonly name: string
  readonly version: number
  readonly discipline: Discipline
  /** True if the order of encoded bytes (unsigned, lexicographic) equals the order of values. */
  readonly ordered: boolean
  /** Appends the encoded value to `out`. */
  write(value: T, out: ByteWriter): void
  /**
   * Throws what `write` would throw for this value, without encoding it. Stores call it at `put`, so that a bad value
   * fails in the handler and not in the commit; where it is missing they encode the value for that.
   */
  check?(value: T): void
  /**
   * True if what `read` returns has none of the bytes that it was given in it: where the discipline is `copied`, stores
   * then decode from their caches without a copy of their own.
   */
  readonly copies?: true
  /** Missing: nothing has to be got from elsewhere. */
  readonly prepare?: SerdePreparation
  /** Decodes bytes[start, end). */
  read(bytes: Uint8Array, start: number, end: number): T
}
