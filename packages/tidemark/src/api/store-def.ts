import { TidemarkError } from '../errors/error.ts'
import type { DeepReadonly } from '../serde/deep-readonly.ts'
import { showValue } from '../serde/hex.ts'
import type { Serde } from '../serde/serde.ts'
import { elementSerde, memberSerde, versionSerde } from '../serde/stored.ts'
import { uint } from '../serde/uint.ts'
import { previousVersion } from '../serde/upgraded.ts'
import type { PartitionBy, StoreSpec, StoreTtl } from '../store/types.ts'
import { type Duration, positiveDurationMs } from './duration.ts'
import type { EngineName } from './engine-name.ts'
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

/** A store of sessions, as the job names it (see `session`). */
export interface SessionDef<in out K, in out V> extends StoreDef {
  readonly kind: 'session'
  /** Only there for the compiler. */
  readonly '~holds'?: { key: K; value: V } | undefined
}

/** A store of versions, as the job names it (see `versioned`). */
export interface VersionedDef<in out K, in out V> extends StoreDef {
  readonly kind: 'versioned'
  /** Only there for the compiler. */
  readonly '~holds'?: { key: K; value: V } | undefined
}

/** A store of counters, as the job names it (see `counter`). */
export interface CounterDef<in out K, in out N extends number | bigint> extends StoreDef {
  readonly kind: 'counter'
  /** Only there for the compiler. */
  readonly '~holds'?: { key: K; value: N } | undefined
}

/** A store of lists, as the job names it (see `list`). */
export interface ListDef<in out K, in out V> extends StoreDef {
  readonly kind: 'list'
  /** Only there for the compiler. */
  readonly '~holds'?: { key: K; value: V } | undefined
}

/** A store of sets, as the job names it (see `set`). */
export interface SetDef<in out K, in out V> extends StoreDef {
  readonly kind: 'set'
  /** Only there for the compiler. */
  readonly '~holds'?: { key: K; value: V } | undefined
}

/** How long an entry lives after it was last put, and by which clock: `event` is the greatest time of a record so far. */
export interface TtlOptions {
  readonly after: Duration
  /** Default `event`: deterministic under replay. */
  readonly time?: 'event' | 'processing'
}

/** What all stores take. */
export interface StoreOptions<K> {
  readonly key: Serde<K>
  /**
   * How the store's keys map to partitions, by which `state rescale` finds each entry's task: `identity` (default), by the
   * key itself; a function that makes the key of the messages from it; or `opaque`, which cannot be rescaled.
   */
  readonly partitionBy?: 'identity' | 'opaque' | ((key: DeepReadonly<NoInfer<K>>) => unknown)
  /**
   * The name that the store had before: what was kept under it is this store's now. Leave it for as long as data
   * directories, checkpoints or savepoints from before may be started on.
   */
  readonly renamedFrom?: string
  /** What keeps this store, if it is not to be what keeps the job's other stores. */
  readonly engine?: EngineName
}

export interface KvOptions<K, V> extends StoreOptions<K> {
  readonly value: Serde<V>
  /** Entries end so long after they were last put. '1h' is short for { after: '1h', time: 'event' }. Default: never. */
  readonly ttl?: Duration | TtlOptions
}

export interface WindowsOptions<K, V> extends KvOptions<K, V> {
  /**
   * How long a window's entries stay after its end. Without it: a day, or the window's size and grace if that is longer.
   * A store that a low-level task writes needs one, since no window is known there.
   */
  readonly retention?: Duration | 'forever'
}

export interface SessionOptions<K, V> extends StoreOptions<K> {
  readonly value: Serde<V>
  /** Events of a key that are no further apart than this are of one session. */
  readonly gap: Duration
  /** How long a session stays after its end. */
  readonly retention: Duration | 'forever'
}

export interface VersionedOptions<K, V> extends StoreOptions<K> {
  readonly value: Serde<V>
  /** How far the history of a key goes back from its newest version. */
  readonly history: Duration | 'forever'
}

export interface CounterOptions<K, N extends number | bigint> extends StoreOptions<K> {
  /** uint() (default), int32() or int64(). */
  readonly value?: Serde<N>
  /** As of kv: a counter ends so long after it was last added to. */
  readonly ttl?: Duration | TtlOptions
}

/** Of `list` and `set`: `value` is the serde of an element or member. */
export interface CollectionOptions<K, V> extends StoreOptions<K> {
  readonly value: Serde<V>
}

/** Names a key-value store. Errors: ERR_NAME, ERR_OPTION, ERR_DURATION. */
export function kv<K, V>(name: string, options: KvOptions<K, V>): KvDef<K, V> {
  return define(name, 'kv', options, { retentionGiven: true })
}

/** Names a store of one value for each key and window. Errors: ERR_NAME, ERR_OPTION, ERR_DURATION. */
export function windows<K, V>(name: string, options: WindowsOptions<K, V>): WindowsDef<K, V> {
  const { retention } = options
  const retentionMs = retention === undefined ? null : keptMs(retention, `store ${name}, retention`)
  return define(name, 'windows', options, { retentionMs, retentionGiven: retention !== undefined })
}

/**
 * Names a store of sessions: one value for each key and session, a time that begins with the first event and ends a gap
 * after the last. Errors: ERR_NAME, ERR_OPTION, ERR_DURATION.
 */
export function session<K, V>(name: string, options: SessionOptions<K, V>): SessionDef<K, V> {
  const retentionMs = keptMs(options.retention, `store ${name}, retention`)
  const gapMs = positiveDurationMs(options.gap, `store ${name}, gap`)
  return define(name, 'session', options, { retentionMs, gapMs })
}

/** Names a store that keeps the former values of its keys too, by time. Errors: ERR_NAME, ERR_OPTION, ERR_DURATION. */
export function versioned<K, V>(name: string, options: VersionedOptions<K, V>): VersionedDef<K, V> {
  return define(
    name,
    'versioned',
    options,
    { retentionMs: keptMs(options.history, `store ${name}, history`) },
    versionSerde,
  )
}

/** Names a store of counters. Errors: ERR_NAME, ERR_OPTION, ERR_DURATION. */
export function counter<K, N extends number | bigint = number>(
  name: string,
  options: CounterOptions<K, N>,
): CounterDef<K, N> {
  const value = options.value ?? (uint() as unknown as Serde<N>)
  if (!COUNTED.includes(value.name)) {
    throw new TidemarkError('ERR_OPTION', `store ${name}: a counter's value must be ${COUNTED.join('(), ')}()`)
  }
  return define(name, 'counter', { ...options, value }, {})
}

/** Names a store of lists: elements are appended, and trimmed from the front. Errors: ERR_NAME, ERR_OPTION. */
export function list<K, V>(name: string, options: CollectionOptions<K, V>): ListDef<K, V> {
  return define(name, 'list', options, {}, elementSerde)
}

/** Names a store of sets. Members that are equal have equal encoded bytes. Errors: ERR_NAME, ERR_OPTION. */
export function set<K, V>(name: string, options: CollectionOptions<K, V>): SetDef<K, V> {
  return define(name, 'set', options, {}, memberSerde)
}

const COUNTED = ['uint', 'int32', 'int64']

interface AnyOptions {
  readonly key: unknown
  readonly value: unknown
  readonly partitionBy?: unknown
  readonly renamedFrom?: string
  readonly engine?: EngineName
  readonly ttl?: Duration | TtlOptions
}

/** Only the compiler knows more of a definition than this makes. */
function define<D extends StoreDef>(
  name: string,
  kind: D['kind'],
  options: AnyOptions,
  more: Partial<StoreDef>,
  stored: (value: Serde<unknown>) => Serde<unknown> = (value) => value,
): D {
  const what = `store ${name}`
  assertName('a store', name)
  assertSerde(what, 'key', options.key)
  assertSerde(what, 'value', options.value)
  const { partitionBy = 'identity' } = options
  if (typeof partitionBy !== 'function' && partitionBy !== 'identity' && partitionBy !== 'opaque') {
    throw new TidemarkError(
      'ERR_OPTION',
      `${what}: partitionBy is ${showValue(partitionBy)}, but must be 'identity', 'opaque' or a function of a key`,
    )
  }
  assertUpgrades(what, kind, options)
  const { renamedFrom } = options
  if (renamedFrom !== undefined) assertName(`${what}, renamedFrom`, renamedFrom)
  if (renamedFrom === name) throw new TidemarkError('ERR_OPTION', `${what}: renamedFrom is the name that it has`)
  const def = {
    of: 'store' as const,
    name,
    kind,
    key: options.key as Serde<unknown>,
    value: stored(options.value as Serde<unknown>),
    windowSizeMs: null,
    retentionMs: null,
    ttl: options.ttl === undefined ? null : ttlOf(options.ttl, what),
    partitionBy: partitionBy as PartitionBy,
    ...(options.engine === undefined ? {} : { engine: options.engine }),
    ...(renamedFrom === undefined ? {} : { renamedFrom }),
    ...more,
  }
  return Object.freeze(def) as unknown as D
}

/** Entries are found by the bytes of their keys, which nothing upgrades. */
function assertUpgrades(what: string, kind: StoreDef['kind'], { key, value }: AnyOptions): void {
  const inKeys = previousVersion(key as Serde<unknown>) !== null ? 'key' : kind === 'set' ? 'value' : null
  if (inKeys === null || (inKeys === 'value' && previousVersion(value as Serde<unknown>) === null)) return
  throw new TidemarkError(
    'ERR_OPTION',
    `${what}: ${inKeys === 'key' ? 'keys' : "a set's members"} cannot be upgraded. Give the store a new name instead`,
  )
}

function keptMs(duration: Duration | 'forever', what: string): number | null {
  return duration === 'forever' ? null : positiveDurationMs(duration, what)
}

function ttlOf(ttl: Duration | TtlOptions, what: string): StoreTtl {
  if (typeof ttl !== 'object') return { durationMs: positiveDurationMs(ttl, `${what}, ttl`), time: 'event' }
  const { after, time = 'event' } = ttl
  if (time !== 'event' && time !== 'processing') {
    throw new TidemarkError(
      'ERR_OPTION',
      `${what}: ttl.time is ${showValue(time)}, but must be 'event' or 'processing'`,
    )
  }
  return { durationMs: positiveDurationMs(after, `${what}, ttl.after`), time }
}

/** True for what `kv`, `windows` and the other store functions made. */
export function isStore(value: unknown): value is StoreDef {
  return typeof value === 'object' && value !== null && 'of' in value && value.of === 'store'
}
