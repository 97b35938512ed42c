import type { Duration } from '../api/duration.ts'
import type { EngineName } from '../api/engine-name.ts'
import type { KeyValueStore } from '../api/stores.ts'
import type { Serde } from '../serde/serde.ts'

export interface OpenStoreOptions<K, V> {
  /** Letters, digits and `-`, as of stores of jobs. */
  readonly name: string
  /** A directory of the store's own; made if missing. */
  readonly dir: string
  readonly key: Serde<K>
  readonly value: Serde<V>
  /** Default `lsm`. */
  readonly engine?: EngineName
  /** Entries end so long after they were last put, by the machine's clock. Default: never. */
  readonly ttl?: Duration
  /** Makes a checkpoint so often, if something was written. Default: only when it is asked for. */
  readonly checkpointEvery?: Duration
  /** Bytes of cached blocks and of cached values, each (default 64 MiB). */
  readonly cacheBytes?: number
  /** Checkpointed changes that are held in memory before they go into files, bytes (default 16 MiB). */
  readonly recentMaxBytes?: number
  /** Largest value, encoded, bytes (default 16 MiB). */
  readonly maxValueBytes?: number
  /** Tells `onWarning` about iterators that were dropped without being closed, which makes each several times as costly. */
  readonly development?: boolean
  /** Told about files that could not be written. */
  readonly onWarning?: (line: string) => void
}

/**
 * A key-value store without a job. Reads and writes are synchronous and see each other at once; what was written is
 * durable when a `checkpoint` that was asked for afterwards resolves, all of it or nothing.
 */
export interface OpenedStore<K, V> extends KeyValueStore<K, V>, AsyncDisposable {
  /**
   * Makes all that was written so far durable: one write to the journal and one fdatasync. Calls that come while one runs
   * share the next. Rejects with ERR_DISK_FULL (make room and call it again: nothing is lost while the process lives),
   * ERR_DISK_IO, ERR_LOG_THREAD (the store is over; open it again, at the last checkpoint), ERR_STORE_CLOSED.
   */
  checkpoint(): Promise<void>
  /** The number of the newest checkpoint; 0 before the first. */
  readonly checkpointId: number
  /** Makes a last checkpoint, writes it into files and closes. Safe to call twice; `await using` calls it. */
  close(): Promise<void>
}

/**
 * Opens a store alone, outside a job, at its last checkpoint: after a crash what was written later is gone, and nothing
 * else. One process at a time; `tidemark state get|scan` read it meanwhile.
 *
 * Rejects with ERR_NAME, ERR_OPTION, ERR_DURATION, ERR_ENGINE_UNKNOWN, ERR_ENGINE_MISSING, ERR_ENGINE_CHANGED,
 * ERR_DATA_DIR_LOCKED (it is open already), ERR_DATA_DIR_OTHER_JOB (the directory is that of a job or of another store),
 * ERR_STORE_MISMATCH (other serdes than it was written with), ERR_FORMAT_NEWER, ERR_LOG_CORRUPT, ERR_STATE_CORRUPT.
 */
export async function openStore<K, V>(options: OpenStoreOptions<K, V>): Promise<OpenedStore<K, V>> {
  // A job's module imports this by the package's name, and most have no store alone.
  const { openAlone } = await import('./alone-store.ts')
  return openAlone(options)
}
