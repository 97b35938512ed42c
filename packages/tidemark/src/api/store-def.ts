import type { DeepReadonly } from '../serde/deep-readonly.ts'
import type { Serde } from '../serde/serde.ts'
import type { StoreSpec } from '../store/types.ts'
import { type Duration, positiveDurationMs } from './duration.ts'
import { assertName } from './name.ts'
import { assertSerde } from './stream.ts'

/** A store as the job names it, untyped: KvDef and WindowsDef add the types. */
export interface StoreDef extends StoreSpec {
  readonly of: 'store'
  /** False for a windows store without a `retention` of its own: the planner gives it one, from its window. */
  readonly retentionGiven?: boolean
}

/** A key-value store that takes keys K and values V. Contravariant. */
export interface KvSink<in K, in V> extends StoreDef {
  readonly kind: 'kv'
  /** Only there for the compiler. */
  readonly '~takes'?: ((key: K, value: V) => void) | undefined
}

/** A windows store that takes keys K and values V. Contravariant. */
export interface WindowsSink<in K, in V> extends StoreDef {
  readonly kind: 'windows'
  /** Only there for the compiler. */
  readonly '~takes'?: ((key: K, value: V) => void) | undefined
}

/** A key-value store as the job names it (see `kv`). */
export interface KvDef<in out K, in out V> extends KvSink<K, DeepReadonly<V>> {
  /** Only there for the compiler. */
  readonly '~holds'?: { key: K; value: V } | undefined
}

/** A store of one value for each key and window, as the job names it (see `windows`). */
export interface WindowsDef<in out K, in out V> extends WindowsSink<K, DeepReadonly<V>> {
  /** Only there for the compiler. */
  readonly '~holds'?: { key: K; value: V } | undefined
}

export interface KvOptions<K, V> {
  readonly key: Serde<K>
  readonly value: Serde<V>
}

export interface WindowsOptions<K, V> extends KvOptions<K, V> {
  /**
   * How long a window's entries stay after its end. Without it: a day, or the window's size and grace if that is longer.
   * A store that a low-level task writes needs one, since no window is known there.
   */
  readonly retention?: Duration | 'forever'
}

/** Names a key-value store. Errors: ERR_NAME, ERR_OPTION. */
export function kv<K, V>(name: string, options: KvOptions<K, V>): KvDef<K, V> {
  return Object.freeze({ ...base(name, options), kind: 'kv' as const, retentionMs: null, retentionGiven: true })
}

/** Names a store of one value for each key and window. Errors: ERR_NAME, ERR_OPTION, ERR_DURATION. */
export function windows<K, V>(name: string, options: WindowsOptions<K, V>): WindowsDef<K, V> {
  const { retention } = options
  const own = base(name, options)
  const forEver = retention === undefined || retention === 'forever'
  return Object.freeze({
    ...own,
    kind: 'windows' as const,
    retentionMs: forEver ? null : positiveDurationMs(retention, `store ${name}, retention`),
    retentionGiven: retention !== undefined,
  })
}

interface Base {
  readonly of: 'store'
  readonly name: string
  readonly key: Serde<unknown>
  readonly value: Serde<unknown>
  readonly windowSizeMs: null
}

function base<K, V>(name: string, options: KvOptions<K, V>): Base {
  assertName('a store', name)
  assertSerde(`store ${name}`, 'key', options.key)
  assertSerde(`store ${name}`, 'value', options.value)
  const { key, value } = options as unknown as KvOptions<unknown, unknown>
  return { of: 'store', name, key, value, windowSizeMs: null }
}

/** True for what `kv` and `windows` made. */
export function isStore(value: unknown): value is StoreDef {
  return typeof value === 'object' && value !== null && 'of' in value && value.of === 'store'
}
