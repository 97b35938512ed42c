import { dirname } from 'node:path'
import type { Writable } from 'node:stream'
import { crc32 } from 'node:zlib'
import type { Disk, DiskFile } from '../disk/disk.ts'
import { invariant, TidemarkError } from '../errors/error.ts'

const PIECE_BYTES = 256 * 1024
/** Up to this much is read again at a start to see that the file is the one that was written. */
const ALWAYS_VERIFIED_BYTES = 256 * 1024 * 1024

/** How much was written, and the CRC-32 of it. */
export interface WrittenBytes {
  readonly bytes: number
  readonly crc: number
}

/** Where a sink's lines go. */
export interface SinkTarget {
  /** For messages, and the last part of the producer's name in the log. */
  readonly name: string
  /** `committed` is what the last commit said was written; null if there was none yet. */
  open(committed: WrittenBytes | null): void
  write(bytes: Uint8Array): Promise<void>
  /** Makes what was written durable. */
  sync(): void
  written(): WrittenBytes
  close(): void
}

/**
 * A file that holds exactly what was committed: at a start it is cut to the committed length, so that what a crash left
 * behind it goes away. Exactly-once in the file.
 * Errors of `open`: ERR_OUTPUT_EXISTS, ERR_OUTPUT_CHANGED, and those of the disk.
 */
export class FileTarget implements SinkTarget {
  readonly name: string
  readonly #disk: Disk
  #file: DiskFile | null = null
  #bytes = 0
  #crc = 0

  /** `path` should be absolute: it is part of the producer's name. Its directory must exist. */
  constructor(disk: Disk, path: string) {
    this.name = path
    this.#disk = disk
  }

  open(committed: WrittenBytes | null): void {
    if (committed === null) this.#begin()
    else this.#resume(committed)
  }

  #begin(): void {
    const exists = this.#disk.exists(this.name)
    this.#file = this.#disk.open(this.name, 'create')
    const size = this.#file.size()
    if (size === 0) {
      if (!exists) this.#disk.syncDirectory(dirname(this.name))
      return
    }
    this.close()
    throw new TidemarkError(
      'ERR_OUTPUT_EXISTS',
      `${this.name} holds ${size} bytes that this data directory knows nothing of, and they would be lost. Remove the ` +
        'file, or write to another.',
      { details: { file: this.name } },
    )
  }

  #resume(committed: WrittenBytes): void {
    if (committed.bytes === 0 && !this.#disk.exists(this.name)) {
      this.#begin()
      return
    }
    if (!this.#disk.exists(this.name)) throw this.#changed('it is missing', committed)
    this.#file = this.#disk.open(this.name, 'write')
    const size = this.#file.size()
    if (size < committed.bytes) throw this.#changed(`it has only ${size} bytes`, committed)
    if (committed.bytes <= ALWAYS_VERIFIED_BYTES && this.#crcOf(committed.bytes) !== committed.crc) {
      throw this.#changed('its content is different', committed)
    }
    if (size > committed.bytes) {
      this.#file.truncate(committed.bytes)
      this.#file.sync()
    }
    this.#bytes = committed.bytes
    this.#crc = committed.crc
  }

  #crcOf(length: number): number {
    const file = this.#opened()
    const piece = new Uint8Array(Math.min(PIECE_BYTES, length))
    let crc = 0
    for (let at = 0; at < length; ) {
      const count = file.read(piece, 0, Math.min(piece.length, length - at), at)
      invariant(count > 0, 'a file is as long as its size')
      crc = crc32(piece.subarray(0, count), crc)
      at += count
    }
    return crc
  }

  #changed(what: string, committed: WrittenBytes): TidemarkError {
    this.close()
    return new TidemarkError(
      'ERR_OUTPUT_CHANGED',
      `${this.name} is not what was written to it: ${committed.bytes} bytes are committed, but ${what}. Put the file ` +
        'back, or name another: that one gets the stream from its beginning.',
      { details: { file: this.name, bytes: committed.bytes } },
    )
  }

  write(bytes: Uint8Array): Promise<void> {
    this.#opened().write(bytes, this.#bytes)
    this.#bytes += bytes.length
    this.#crc = crc32(bytes, this.#crc)
    return Promise.resolve()
  }

  sync(): void {
    this.#opened().sync()
  }

  written(): WrittenBytes {
    return { bytes: this.#bytes, crc: this.#crc }
  }

  close(): void {
    this.#file?.close()
    this.#file = null
  }

  #opened(): DiskFile {
    invariant(this.#file !== null, 'an output file is open')
    return this.#file
  }
}

/**
 * A writable stream, as standard output. What was written is out of reach: a crash between writing and committing
 * writes the same lines again. At-least-once. `write` throws ERR_OUTPUT_CLOSED when the other end has gone away.
 */
export class StreamTarget implements SinkTarget {
  readonly name: string
  readonly #stream: Writable
  #bytes = 0
  #error: Error | null = null
  readonly #failed = (error: Error): void => {
    this.#error ??= error
  }

  constructor(stream: Writable, name = '-') {
    this.name = name
    this.#stream = stream
  }

  open(committed: WrittenBytes | null): void {
    this.#bytes = committed?.bytes ?? 0
    this.#stream.on('error', this.#failed)
  }

  async write(bytes: Uint8Array): Promise<void> {
    const error = this.#error ?? (await this.#put(bytes))
    if (error !== null) {
      throw new TidemarkError(
        'ERR_OUTPUT_CLOSED',
        `${this.name === '-' ? 'standard output' : this.name} takes nothing more: ${error.message}`,
        { cause: error, details: { file: this.name } },
      )
    }
    this.#bytes += bytes.length
  }

  /** Resolves when the stream has handed the bytes on. */
  #put(bytes: Uint8Array): Promise<Error | null> {
    return new Promise((resolve) => this.#stream.write(bytes, (error) => resolve(error ?? null)))
  }

  sync(): void {}

  written(): WrittenBytes {
    return { bytes: this.#bytes, crc: 0 }
  }

  /** The stream itself belongs to the caller. */
  close(): void {
    this.#stream.off('error', this.#failed)
  }
}
