import type { FileHandle } from 'node:fs/promises'
import { pipeline, type Readable } from 'node:stream'
import { createGunzip, createZstdDecompress, crc32 } from 'node:zlib'
import { TidemarkError } from '../errors/error.ts'
import { ZstdFrames } from './zstd-frames.ts'

const PIECE_BYTES = 256 * 1024

export type Compression = 'gz' | 'zst' | null

/** Uncompressed bytes, one piece after another. */
export interface ByteInput {
  /** Fills the front of `target`; returns how many bytes, 0 when there are none (at the end, or not yet). */
  read(target: Buffer): Promise<number>
  close(): void
}

/** The bytes of an open file from a position. The handle belongs to the caller. */
export class PlainBytes implements ByteInput {
  readonly #handle: FileHandle
  #position: number

  constructor(handle: FileHandle, position: number) {
    this.#handle = handle
    this.#position = position
  }

  /** Where the next read begins. */
  get position(): number {
    return this.#position
  }

  async read(target: Buffer): Promise<number> {
    const { bytesRead } = await this.#handle.read(target, 0, target.length, this.#position)
    this.#position += bytesRead
    return bytesRead
  }

  close(): void {}
}

/** The bytes of a readable stream (standard input, or a decompressor). */
export class StreamBytes implements ByteInput {
  readonly #stream: Readable
  readonly #pieces: AsyncIterator<Uint8Array>
  #left: Uint8Array = new Uint8Array(0)

  constructor(stream: Readable) {
    this.#stream = stream
    this.#pieces = stream[Symbol.asyncIterator]()
  }

  async read(target: Buffer): Promise<number> {
    while (this.#left.length === 0) {
      const piece = await this.#pieces.next()
      if (piece.done === true) return 0
      this.#left = piece.value
    }
    const count = Math.min(this.#left.length, target.length)
    target.set(this.#left.subarray(0, count))
    this.#left = this.#left.subarray(count)
    return count
  }

  close(): void {
    this.#stream.destroy()
  }
}

/**
 * The decompressed bytes of a .gz file (of one or more members) or .zst file (of one or more frames).
 * `read` throws ERR_INPUT_COMPRESSED when the file is damaged or not complete.
 */
export class CompressedBytes implements ByteInput {
  readonly #bytes: StreamBytes
  readonly #name: string

  constructor(handle: FileHandle, compression: 'gz' | 'zst', name: string) {
    this.#name = name
    const raw = handle.createReadStream({ start: 0, autoClose: false, highWaterMark: PIECE_BYTES })
    const options = { chunkSize: PIECE_BYTES }
    const engine = compression === 'gz' ? createGunzip(options) : createZstdDecompress(options)
    // A failure reaches the reader of `engine`, because pipeline destroys it with the error.
    if (compression === 'gz') pipeline(raw, engine, () => {})
    else pipeline(raw, cutFrames, engine, () => {})
    this.#bytes = new StreamBytes(engine)
  }

  async read(target: Buffer): Promise<number> {
    try {
      return await this.#bytes.read(target)
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : ''
      if (!code.startsWith('Z_') && !code.startsWith('ZSTD_')) throw error
      throw new TidemarkError(
        'ERR_INPUT_COMPRESSED',
        `${this.#name}: the compressed file is damaged or not complete (${(error as Error).message}). ` +
          'Nothing after the last whole commit was taken; put the whole file there and start again.',
        { cause: error, details: { file: this.#name } },
      )
    }
  }

  close(): void {
    this.#bytes.close()
  }
}

async function* cutFrames(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const frames = new ZstdFrames()
  for await (const piece of pieces) yield* frames.cut(piece)
}

/** Reads `count` bytes; true if there are that many and their CRC-32 is `crc`. */
export async function skipVerified(input: ByteInput, count: number, crc: number): Promise<boolean> {
  const buffer = Buffer.allocUnsafe(PIECE_BYTES)
  let left = count
  let sum = 0
  while (left > 0) {
    const n = await input.read(left < buffer.length ? buffer.subarray(0, left) : buffer)
    if (n === 0) return false
    sum = crc32(buffer.subarray(0, n), sum)
    left -= n
  }
  return sum === crc
}
