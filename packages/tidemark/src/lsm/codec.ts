import { zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { CODEC_NONE, CODEC_ZSTD } from './format.ts'

/** How blocks of new files are stored. */
export type BlockCompression = 'none' | 'zstd'

/** The same for all stores, or by store: those that are not named as `other` says. Plain data. */
export type Compression =
  | BlockCompression
  | { readonly stores: Readonly<Record<string, BlockCompression>>; readonly other: BlockCompression }

/** What holds for a store. */
export function compressionOf(compression: Compression, store: string): BlockCompression {
  if (typeof compression === 'string') return compression
  return compression.stores[store] ?? compression.other
}

/** A block is stored compressed if that saves at least one part in so many. */
const LEAST_SAVING = 8

/** The zstd frame of bytes[start, end); null when it would save too little. */
export function compressed(bytes: Uint8Array, start: number, end: number): Uint8Array | null {
  const frame = zstdCompressSync(bytes.subarray(start, end))
  const size = end - start
  return frame.length <= size - size / LEAST_SAVING ? frame : null
}

/**
 * What a block holds, from how it is stored: the bytes themselves for CODEC_NONE. Null when the codec is unknown or the
 * bytes are not a frame of `plainSize` bytes, which a block whose checksum is right cannot be.
 */
export function plainBlock(stored: Uint8Array, codec: number, plainSize: number): Uint8Array | null {
  if (codec === CODEC_NONE) return stored
  if (codec !== CODEC_ZSTD) return null
  try {
    const plain = zstdDecompressSync(stored, { maxOutputLength: plainSize })
    return plain.length === plainSize ? plain : null
  } catch {
    // The caller names file and position of the damage.
    return null
  }
}
