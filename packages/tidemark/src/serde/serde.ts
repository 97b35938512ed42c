import type { ByteWriter } from './byte-writer.ts'

/**
 * Who may change an object that is kept in state (design/01, "Values"): `immutable` values are kept by reference,
 * `frozen` ones are deep-frozen at put and when decoded, `copied` ones are encoded at put and decoded at each get.
 */
export type Discipline = 'immutable' | 'frozen' | 'copied'

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
  /** Decodes bytes[start, end). */
  read(bytes: Uint8Array, start: number, end: number): T
}
