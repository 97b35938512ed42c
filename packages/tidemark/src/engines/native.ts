import type { Disk } from '../disk/disk.ts'
import type { ByteRange } from '../store/types.ts'
import type { EngineThread } from './engine-thread.ts'

/** Keys and values of a scan in turn: key, value, key, value. */
export type Rows = readonly Uint8Array[]

/**
 * An ordered key-value database of a native package, as the thread of a container reads it. Keys and values given back
 * are the caller's, except the value of `get`, which is good until the next call.
 */
export interface NativeDatabase {
  get(key: Uint8Array): Uint8Array | undefined
  /** Entries in byte order; `from` and `to` are always given. A stable view of now. */
  scan(range: ByteRange): NativeScan
  /** The writer on the other thread has committed: reads see it from now on. */
  refresh(): void
  statistics(): { readonly files: number; readonly bytes: number }
  /** Looks for entries that cannot be reached. Throws what `nativeError` takes for damage; only where no other check does it. */
  verify?(): void
  close(): Promise<void>
}

export interface NativeScan {
  /** Up to `limit` more entries; empty at the end. */
  next(limit: number): Rows
  close(): void
}

/** The same database on the thread that writes it. What is put between two commits becomes visible and durable at once. */
export interface NativeWriter {
  put(key: Uint8Array, value: Uint8Array): void
  delete(key: Uint8Array): void
  commit(): void | Promise<void>
  /** Forgets what was put since the last commit. */
  discard(): void
  /** Answers what the reading side asks, where it cannot do it by itself. */
  answer(question: unknown): Promise<unknown>
  close(): void | Promise<void>
}

export interface NativeOptions {
  /** A directory of the operating system, which is there. */
  readonly location: string
  /** Bytes of blocks to keep in memory, where the database has a cache of its own. */
  readonly cacheBytes: number
  readonly readOnly: boolean
}

export interface OpenedNative {
  readonly database: NativeDatabase
  /** Plain data from which `attach` finds the same database. */
  readonly attachment: unknown
}

/** A native package: `open` runs on the container's thread, `attach` on the thread of the engine. */
export interface NativeEngine {
  readonly name: NativeEngineName
  /** Each value has a checksum of ours behind it, since the package checks none when it reads (see value-sums.ts). */
  readonly sealed: boolean
  /** Tells whether a directory holds a database. */
  readonly currentFile: string
  /** A reader beside the owner: opens the owner's files, or a copy by links. */
  readonly readers: 'shared' | 'linked'
  /** Files that are never changed once written, of which a link is a copy. */
  isTable(name: string): boolean
  isJournal(name: string): boolean
  /** Looks for damage that the package itself would pass over when it opens a directory. ERR_STATE_CORRUPT. */
  check?(disk: Disk, directory: string): void
  open(options: NativeOptions, thread: EngineThread): Promise<OpenedNative>
  attach(attachment: unknown): Promise<NativeWriter>
}

export const NATIVE_ENGINES = ['rocksdb', 'leveldb', 'lmdb'] as const

export type NativeEngineName = (typeof NATIVE_ENGINES)[number]
