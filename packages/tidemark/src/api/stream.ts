import type { Serde } from '../serde/serde.ts'

/** A stream as the job names it (see `stream`). Everything is addressed by this value, never by a string. */
export interface StreamDef<in out K, in out V> {
  readonly kind: 'stream'
  readonly name: string
  readonly key: Serde<K>
  readonly value: Serde<V>
  /** Event time of a value, ms since 1970; null: the record's own timestamp. */
  readonly time: ((value: V) => number) | null
  /** How many partitions it gets when it is made; null: the default of the run. */
  readonly partitions: number | null
  /** How long records are kept, ms; null for ever. */
  readonly retentionMs: number | null
  /** How far behind the newest message's time a message may come before the watermark passes it, ms. */
  readonly outOfOrderMs: number
}
