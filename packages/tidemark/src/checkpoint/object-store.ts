import type { Disk } from '../disk/disk.ts'

/** What an object is made of: bytes, or a file that will not change. */
export type ObjectSource =
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  /** On `disk`; by default the disk that the store was made with. */
  | { readonly kind: 'file'; readonly path: string; readonly sizeBytes: number; readonly disk?: Disk }

/** What `put` has written. */
export interface Written {
  readonly sizeBytes: number
  /** CRC-32 (as in zlib, unsigned) of what was written; null when the store did not read it, but linked it. */
  readonly checksum: number | null
}

/**
 * Where checkpoints and savepoints are kept: immutable objects under names with `/` between their parts; a directory or
 * a bucket. What a call has resolved for is durable and seen by every later call of anybody.
 *
 * All calls reject with ERR_OBJECT_STORE (nothing was done), ERR_OBJECT_STORE_UNKNOWN (it may have been done, or be done
 * later), ERR_OBJECT_STORE_ACCESS, or an error of the disk.
 */
export interface ObjectStore {
  /** For messages, and before the names in them: `/dir` or `s3://bucket/prefix`. */
  readonly where: string
  /** Makes or replaces an object, whole. What a crash leaves is missing or torn, and must mean nothing by then. */
  put(name: string, source: ObjectSource): Promise<Written>
  /**
   * Compare-and-set: true if the object has these bytes now and did not exist before. Of any number of callers, each with
   * bytes of its own (a nonce in them), one at most gets true. `temporary` is a name that the store may use meanwhile,
   * and that a crash may leave. A lost answer is made up for by reading back.
   */
  putIfAbsent(name: string, bytes: Uint8Array, temporary: string): Promise<boolean>
  /** Null when there is none. */
  get(name: string): Promise<Uint8Array | null>
  /** Exactly `length` bytes from `start`, fewer at the end; null when there is no such object. */
  getRange(name: string, start: number, length: number): Promise<Uint8Array | null>
  /**
   * Puts an object into a new file of the store's disk, durably but for its name; tells of bytes as they come.
   * ERR_FILE_NOT_FOUND when there is none.
   */
  fetch(name: string, path: string, onBytes?: (bytes: number) => void): Promise<void>
  /** Size in bytes; null when there is none. */
  size(name: string): Promise<number | null>
  /** Names that start with a prefix, sorted. The prefix ends with `/` or names objects of one folder only. */
  list(prefix: string): Promise<string[]>
  /** Nothing happens if there is none. */
  delete(name: string): Promise<void>
  /**
   * Frees what cut-off `put`s of these names still occupy beside the objects themselves, and returns the names. Stores
   * where that shows as objects return nothing.
   */
  dropUnfinished(prefix: string, choose: (name: string) => boolean): Promise<string[]>
  close(): void
}
