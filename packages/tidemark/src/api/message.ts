import type { DeepReadonly } from '../serde/deep-readonly.ts'
import type { KvDef, WindowsDef } from './store-def.ts'
import type { StreamDef } from './stream.ts'

/** Headers in order; names may repeat. */
export type Headers = readonly (readonly [name: string, value: Uint8Array | null])[]

/** What a message has besides its value: the second argument of a pipeline's callbacks. */
export interface MessageInfo<out K> {
  /** The name of the stream. */
  readonly stream: string
  readonly key: K
  /** Event time, ms since 1970. */
  readonly timestamp: number
  readonly partition: number
  /** Where it stands in its partition; -1n for a row that closed a window. */
  readonly offset: bigint
  readonly headers: Headers
}

/** One record, as a task's handler gets it. Key and value are decoded when first asked for. */
export interface Message<out K, out V> extends MessageInfo<K> {
  readonly value: V
}

/** The key type of a stream or store. */
export type KeyOf<D> =
  D extends StreamDef<infer K, infer _V> ? K : D extends KvDef<infer K, infer _V> ? K : WindowsKeyOf<D>
type WindowsKeyOf<D> = D extends WindowsDef<infer K, infer _V> ? K : never

/** The value type of a stream or store. */
export type ValueOf<D> =
  D extends StreamDef<infer _K, infer V> ? V : D extends KvDef<infer _K, infer V> ? V : WindowsValueOf<D>
type WindowsValueOf<D> = D extends WindowsDef<infer _K, infer V> ? V : never

/** What a handler of a stream gets: `MessageOf<typeof visits>`. */
export type MessageOf<D> = Message<KeyOf<D>, DeepReadonly<ValueOf<D>>>

/** A window of time. */
export interface Window {
  /** Inclusive, ms since 1970. */
  readonly start: number
  /** Exclusive, ms since 1970. */
  readonly end: number
}

/** What a windowed aggregate gives: one row for each key and window, when the window closes. */
export interface Row<out K, out V> {
  readonly key: K
  readonly window: Window
  readonly value: V
}
