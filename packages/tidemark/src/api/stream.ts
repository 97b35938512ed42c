import { TidemarkError } from '../errors/error.ts'
import { PARTITIONER_NAMES, type Partitioner } from '../hash/partitioners.ts'
import type { DeepReadonly } from '../serde/deep-readonly.ts'
import { showValue } from '../serde/hex.ts'
import type { Serde } from '../serde/serde.ts'
import { previousVersion } from '../serde/upgraded.ts'
import { type Duration, durationMs, positiveDurationMs } from './duration.ts'
import { assertName } from './name.ts'

/** What every stream has, whatever its types. */
export interface AnyStream {
  readonly kind: 'stream'
  readonly name: string
  /** How many partitions it gets when it is made; null: the default of the run. */
  readonly partitions: number | null
  /** How long records are kept, ms; null for ever. */
  readonly retentionMs: number | null
  /** How far behind the newest message's time a message may come before the watermark passes it, ms. */
  readonly outOfOrderMs: number
  /** How its keys came to their partitions. */
  readonly partitioner: Partitioner
}

/** Where keys K and values V can go. Contravariant: a stream that takes more takes these too. */
export interface Sink<in K, in V> extends AnyStream {
  /** Only there for the compiler. */
  readonly '~takes'?: ((key: K, value: V) => void) | undefined
}

/** A stream as the job names it (see `stream`). Everything is addressed by this value, never by a string. */
export interface StreamDef<in out K, in out V> extends Sink<K, DeepReadonly<V>> {
  readonly key: Serde<K>
  readonly value: Serde<V>
  /** Event time of a value, ms since 1970; null: the record's own timestamp. */
  readonly time: ((value: V) => number) | null
}

export interface StreamOptions<K, V> {
  readonly key: Serde<K>
  readonly value: Serde<V>
  /** Event time of a value, ms since 1970. Without it the record's own timestamp counts. */
  readonly time?: (value: DeepReadonly<NoInfer<V>>) => number
  /** How many partitions the stream gets when it is made. Without it the run decides. */
  readonly partitions?: number
  /** How long records are kept; for ever without it. */
  readonly retention?: Duration
  /** How far behind the newest message's time a message may come and still be on time (default 0). */
  readonly outOfOrder?: Duration
  /**
   * How the keys of its records came to their partitions, and where the job puts keys that it writes (default murmur2, as
   * the Java client does). Where state goes by the keys of an input, the run checks it (ERR_PARTITIONER).
   */
  readonly partitioner?: Partitioner
}

const MAX_PARTITIONS = 10_000
const NAMES: readonly Partitioner[] = [...PARTITIONER_NAMES, 'unknown']

/**
 * Names a stream: a partitioned log of messages, with how keys and values become bytes. It does nothing by itself.
 * Errors: ERR_NAME, ERR_DURATION, ERR_OPTION.
 */
export function stream<K, V>(name: string, options: StreamOptions<K, V>): StreamDef<K, V> {
  assertName('a stream', name)
  const what = `stream ${name}`
  const { partitions, retention, outOfOrder } = options
  assertSerde(what, 'key', options.key)
  assertSerde(what, 'value', options.value)
  for (const option of ['key', 'value'] as const) {
    if (previousVersion(options[option] as unknown as Serde<unknown>) === null) continue
    throw new TidemarkError(
      'ERR_OPTION',
      `${what}: ${option} is an upgraded serde, and those are for stores' values only`,
    )
  }
  if (partitions !== undefined && !(Number.isInteger(partitions) && partitions > 0 && partitions <= MAX_PARTITIONS)) {
    throw new TidemarkError(
      'ERR_OPTION',
      `${what}: partitions is ${showValue(partitions)}, but must be a whole number from 1 to ${MAX_PARTITIONS}`,
    )
  }
  const { partitioner = 'murmur2' } = options
  if (typeof partitioner !== 'function' && !NAMES.includes(partitioner)) {
    throw new TidemarkError(
      'ERR_OPTION',
      `${what}: partitioner is ${showValue(partitioner)}, but must be one of ${NAMES.join(', ')}, or a function`,
    )
  }
  if (options.time !== undefined && typeof options.time !== 'function') {
    throw new TidemarkError('ERR_OPTION', `${what}: time must be a function of a value that gives ms since 1970`)
  }
  return Object.freeze({
    kind: 'stream' as const,
    name,
    key: options.key,
    value: options.value,
    time: (options.time as ((value: V) => number) | undefined) ?? null,
    partitions: partitions ?? null,
    retentionMs: retention === undefined ? null : positiveDurationMs(retention, `${what}, retention`),
    outOfOrderMs: outOfOrder === undefined ? 0 : durationMs(outOfOrder, `${what}, outOfOrder`),
    partitioner,
  })
}

/** Throws ERR_OPTION unless the value is a serde: JavaScript callers have no compiler to tell them. */
export function assertSerde(what: string, option: string, serde: unknown): void {
  if (typeof serde === 'object' && serde !== null && 'write' in serde && 'read' in serde) return
  const called = typeof serde === 'function' ? ': call it, as in string()' : ', as string() or json()'
  throw new TidemarkError('ERR_OPTION', `${what}: ${option} must be a serde${called}`)
}

/** A stream with its types erased, for code that handles any. */
export function eraseStream(typed: AnyStream): StreamDef<unknown, unknown> {
  return typed as unknown as StreamDef<unknown, unknown>
}

/** True for what `stream` made. */
export function isStream(value: unknown): value is AnyStream {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'stream' && 'key' in value
}
