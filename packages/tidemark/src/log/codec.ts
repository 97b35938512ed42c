import { gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { TidemarkError } from '../errors/error.ts'

/** How the records of a batch are compressed, by the number in its attributes. */
export const CODECS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const
export type Codec = (typeof CODECS)[number]

/** Codecs that a batch can be written with. */
export type WriteCodec = 'none' | 'gzip' | 'zstd'

/** No batch may unpack to more: a damaged or hostile one would otherwise take all memory. */
export const MAX_UNPACKED_BYTES: number = 512 * 1024 * 1024

/** A view without Buffer's prototype: code that meets one class of array only is faster. */
export function plainBytes(bytes: Uint8Array): Uint8Array {
  if (Object.getPrototypeOf(bytes) === Uint8Array.prototype) return bytes
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
}

export function compress(codec: Exclude<WriteCodec, 'none'>, bytes: Uint8Array): Uint8Array {
  return plainBytes(codec === 'gzip' ? gzipSync(bytes) : zstdCompressSync(bytes))
}

/**
 * Throws ERR_CODEC_UNSUPPORTED for codecs that Node.js does not bring along, and whatever node:zlib throws for bytes that
 * are damaged or unpack to more than `maxBytes`.
 */
export function decompress(codec: Codec, bytes: Uint8Array, maxBytes: number = MAX_UNPACKED_BYTES): Uint8Array {
  if (codec === 'none') return bytes
  if (codec === 'gzip') return plainBytes(gunzipSync(bytes, { maxOutputLength: maxBytes }))
  if (codec === 'zstd') return plainBytes(zstdDecompressSync(bytes, { maxOutputLength: maxBytes }))
  throw new TidemarkError(
    'ERR_CODEC_UNSUPPORTED',
    `record batches compressed with ${codec} cannot be read yet: have the producer use none, gzip or zstd`,
    { details: { codec } },
  )
}
