import type { Clock } from '../clock/clock.ts'
import { TidemarkError } from '../errors/error.ts'
import type { DeepReadonly } from '../serde/deep-readonly.ts'
import { showValue } from '../serde/hex.ts'
import type { Serde } from '../serde/serde.ts'
import { assertName } from './name.ts'
import { type RemoteOptions, type RemotePolicy, remotePolicy } from './remote-policy.ts'
import { assertSerde } from './stream.ts'

/** What a driver is opened with: once for each task. */
export interface DriverEnvironment {
  readonly clock: Clock
  /** In [0, 1). */
  readonly random: () => number
  readonly log: (level: 'info' | 'warn', text: string) => void
}

/** One change: `value` undefined deletes the key. */
export interface RemoteEntry<K, V> {
  readonly key: K
  readonly value: V | undefined
}

export interface CallOptions {
  /** Aborted when the call has run out of time, or the task ends. */
  readonly signal: AbortSignal
}

/** How a table is reached: what is around it (batches, limits, retries, cache) is the same for all. */
export interface RemoteDriver {
  /** One value for each key, in their order; undefined where there is none, an Error where that key alone failed. */
  read(keys: readonly unknown[], options: CallOptions): Promise<readonly unknown[]>
  /** Null: the table is only read. All of it may happen again after an error. */
  readonly write: ((entries: readonly RemoteEntry<unknown, unknown>[], options: CallOptions) => Promise<void>) | null
  close(): Promise<void>
}

/** What every remote table has, whatever its types. */
export interface AnyRemoteTable {
  readonly of: 'remote'
  readonly name: string
  /** What people read: `functions`, or where it is, without a password. */
  readonly place: string
  readonly writable: boolean
  readonly policy: RemotePolicy
  readonly open: (environment: DriverEnvironment) => RemoteDriver
}

/** A table that is kept elsewhere, as the job names it (see `remoteTable`). */
export interface RemoteTableDef<in out K, in out V> extends AnyRemoteTable {
  readonly key: Serde<K>
  readonly value: Serde<V>
}

/** Errors of all: ERR_REMOTE_FAILED when all attempts have failed, ERR_REMOTE_TIMEOUT if there was only one. */
export interface RemoteTable<K, V> {
  /** Look-ups of one turn of the loop, and of the time that `batch.maxDelayMs` gives, go together. */
  get(key: K): Promise<DeepReadonly<V> | undefined>
  /** Those that are there. */
  getAll(keys: Iterable<K>): Promise<Map<K, DeepReadonly<V>>>
  /**
   * Settles when the table has taken it. At least once: after a crash it happens again, and an owner that was replaced
   * may still write. Writes of one key keep their order. Errors: ERR_REMOTE_READ_ONLY.
   */
  put(key: K, value: V | DeepReadonly<V>): Promise<void>
  delete(key: K): Promise<void>
}

export interface RemoteTableOptions<K, V> extends RemoteOptions {
  readonly key: Serde<K>
  readonly value: Serde<V>
  /**
   * Reads many keys at once: a Map of those that are there, or an array with one value for each key, in their order.
   * Keys that are objects need the array, since a Map would not find them by content. An Error instead of a value is the
   * failure of that key alone, which is not tried again.
   */
  readonly read: (
    keys: readonly K[],
    options: CallOptions,
  ) => Promise<ReadonlyMap<K, NoInfer<V> | Error> | readonly (NoInfer<V> | Error | null | undefined)[]>
  /** Without it the table is only read. Must bear repetition: it is called again after an error. */
  readonly write?: (entries: readonly RemoteEntry<K, NoInfer<V>>[], options: CallOptions) => Promise<void>
}

/**
 * Names a table that the user's own functions read and write: over HTTP, in a database. Look-ups are batched, deduplicated,
 * limited in rate and number, retried and, if asked for, cached. Errors: ERR_NAME, ERR_OPTION, ERR_DURATION.
 */
export function remoteTable<K, V>(name: string, options: RemoteTableOptions<K, V>): RemoteTableDef<K, V> {
  const { read, write } = options
  if (typeof read !== 'function') throw notFunction(name, 'read', read)
  if (write !== undefined && typeof write !== 'function') throw notFunction(name, 'write', write)
  const open = (): RemoteDriver => ({
    read: async (keys, call) => answers(name, keys, await read(keys as readonly K[], call)),
    write: write === undefined ? null : async (entries, call) => write(entries as readonly RemoteEntry<K, V>[], call),
    close: async () => {},
  })
  return defineTable(name, options, { place: 'functions', writable: write !== undefined, open })
}

/** What `remoteTable` and its like make, from what they found about the place. */
export function defineTable<K, V>(
  name: string,
  options: RemoteOptions & { readonly key: Serde<K>; readonly value: Serde<V> },
  more: Pick<AnyRemoteTable, 'place' | 'writable' | 'open'>,
): RemoteTableDef<K, V> {
  assertName('a table', name)
  const what = `table ${name}`
  assertSerde(what, 'key', options.key)
  assertSerde(what, 'value', options.value)
  const policy = remotePolicy(what, options)
  return Object.freeze({ of: 'remote' as const, name, key: options.key, value: options.value, policy, ...more })
}

/** True for what `remoteTable` and its like made. */
export function isRemoteTable(value: unknown): value is AnyRemoteTable {
  return typeof value === 'object' && value !== null && 'of' in value && value.of === 'remote'
}

/** A table with its types erased, for code that handles any. */
export function eraseTable(table: AnyRemoteTable): RemoteTableDef<unknown, unknown> {
  return table as unknown as RemoteTableDef<unknown, unknown>
}

function notFunction(name: string, option: string, value: unknown): TidemarkError {
  return new TidemarkError('ERR_OPTION', `table ${name}: ${option} is ${showValue(value)}, but must be a function`)
}

function answers(name: string, keys: readonly unknown[], found: unknown): readonly unknown[] {
  if (found instanceof Map) return keys.map((key) => (found as ReadonlyMap<unknown, unknown>).get(key))
  if (Array.isArray(found) && found.length === keys.length) return found as readonly unknown[]
  const what = Array.isArray(found) ? `an array of ${found.length}` : showValue(found)
  throw new TidemarkError(
    'ERR_REMOTE_RESULT',
    `table ${name}: read gave ${what} for ${keys.length} keys. Give a Map, or an array with one value for each key, undefined where there is none`,
    { details: { table: name } },
  )
}
