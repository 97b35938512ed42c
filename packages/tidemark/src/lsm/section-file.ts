import type { BlockCache } from './block-cache.ts'
import type { ReadCounters } from './read-counters.ts'

/** What the parts of a file need of it. */
export interface SectionFile {
  readonly path: string
  /** The file's bytes in front of the metadata, verified, when they are kept in memory. */
  readonly resident: Uint8Array | null
  readonly cache: BlockCache
  readonly counters: ReadCounters
  /** Reads bytes and verifies them. Throws ERR_STATE_CORRUPT, ERR_DISK_IO. */
  readVerified(position: number, sizeBytes: number, crc: number, store: string, target?: Uint8Array): Uint8Array
  /** As `readVerified`, without keeping this thread waiting. */
  readVerifiedLater(part: MissingPart): Promise<Uint8Array>
  /** One use more; the file stays open until each is given back by `release`. */
  retain(): void
  release(): void
}

/** A part of a file that a look-up needs and that is not in memory. */
export interface MissingPart {
  readonly store: string
  readonly position: number
  readonly sizeBytes: number
  readonly crc: number
  /** Offers the bytes, which were verified, to the cache. */
  keep(bytes: Uint8Array): void
}
