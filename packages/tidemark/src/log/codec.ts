import { gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { invariant, TidemarkError } from '../errors/error.ts'

/** How the records of a batch are compressed, by the number in its attributes. */
export const CODECS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const
export type Codec = (typeof CODECS)[number]

/** Codecs that a batch can be written with: snappy and lz4 once somebody has registered them. */
export type WriteCodec = Codec

/** Codecs that Node.js does not bring along. */
export type ForeignCodec = 'snappy' | 'lz4'

export interface CodecFunctions {
  /** The bytes, packed as Kafka's protocol wants them in a batch of this codec. */
  compress(bytes: Uint8Array): Uint8Array
  /** The bytes unpacked; throws for damage, and before it allocates for more than `maxBytes`. */
  decompress(bytes: Uint8Array, maxBytes: number): Uint8Array
}

/** No batch may unpack to more: a damaged or hostile one would otherwise take all memory. */
export const MAX_UNPACKED_BYTES: number = 512 * 1024 * 1024

/** A view without Buffer's prototype: code that meets one class of array only is faster. */
export function plainBytes(bytes: Uint8Array): Uint8Array {
  if (Object.getPrototypeOf(bytes) === Uint8Array.prototype) return bytes
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
}

const registered = new Map<ForeignCodec, CodecFunctions>()

/**
 * Makes a codec known to this thread: batches are then read and written with it. The same functions may be registered
 * again; others for the same name are refused by ERR_INVARIANT, since data would depend on who came last.
 */
export function registerCodec(name: ForeignCodec, functions: CodecFunctions): void {
  const known = registered.get(name)
  invariant(known === undefined || known === functions, `two implementations of the codec ${name}`)
  registered.set(name, functions)
}

/** Throws ERR_CODEC_UNSUPPORTED for snappy and lz4 while nobody has registered them. */
export function compress(codec: Exclude<WriteCodec, 'none'>, bytes: Uint8Array): Uint8Array {
  if (codec === 'gzip') return plainBytes(gzipSync(bytes))
  if (codec === 'zstd') return plainBytes(zstdCompressSync(bytes))
  return plainBytes(foreign(codec, 'written').compress(bytes))
}

/**
 * Throws ERR_CODEC_UNSUPPORTED for snappy and lz4 while nobody has registered them, and whatever the codec throws for bytes
 * that are damaged or unpack to more than `maxBytes`.
 */
export function decompress(codec: Codec, bytes: Uint8Array, maxBytes: number = MAX_UNPACKED_BYTES): Uint8Array {
  if (codec === 'none') return bytes
  if (codec === 'gzip') return plainBytes(gunzipSync(bytes, { maxOutputLength: maxBytes }))
  if (codec === 'zstd') return plainBytes(zstdDecompressSync(bytes, { maxOutputLength: maxBytes }))
  return plainBytes(foreign(codec, 'read').decompress(bytes, maxBytes))
}

function foreign(codec: ForeignCodec, verb: 'read' | 'written'): CodecFunctions {
  const functions = registered.get(codec)
  if (functions !== undefined) return functions
  throw new TidemarkError(
    'ERR_CODEC_UNSUPPORTED',
    `record batches compressed with ${codec} cannot be ${verb} here: use none, gzip or zstd, or @tidemark/kafka, which brings ${codec} along`,
    { details: { codec } },
  )
}
