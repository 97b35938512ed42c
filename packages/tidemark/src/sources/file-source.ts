import type { FileHandle } from 'node:fs/promises'
import { resolve } from 'node:path'
import { type Clock, systemClock } from '../clock/clock.ts'
import { TidemarkError, invariant } from '../errors/error.ts'
import { type ByteInput, type Compression, PlainBytes } from './byte-input.ts'
import { type FileIdentity, HEAD_BYTES, identify, isAt, openInput } from './file-identity.ts'
import { type FilePosition, resumeFile } from './file-resume.ts'
import type { RowBatch } from './row-batch.ts'
import type { RowFormat } from './row-parser.ts'
import { RowReader, START } from './row-reader.ts'
import { type Json, type RowSource, type Waiter, realWaiter } from './row-source.ts'

const DEFAULT_POLL_MS = 100
const DEFAULT_ROTATE_GRACE_MS = 1000
const DEFAULT_VERIFY_MAX_BYTES = 256 * 1024 * 1024

export interface FileSourceOptions {
  readonly path: string
  readonly format: RowFormat
  readonly compression?: Compression
  /** Waits for more at the end of the file, and goes on in the next file when it is rotated. */
  readonly follow?: boolean
  readonly chunkBytes?: number
  readonly maxRowBytes?: number
  /** How often a followed file is looked at, ms (default 100). */
  readonly pollMs?: number
  /** A rotated file is left when nothing was written to it for this long, ms (default 1000). */
  readonly rotateGraceMs?: number
  /** How much of what was read before is read again at `open` to see that it is unchanged (default 256 MiB). */
  readonly verifyMaxBytes?: number
  readonly clock?: Clock
  readonly waiter?: Waiter
  readonly onWarning?: (line: string) => void
}

/**
 * The rows of a file (JSONL, JSON array or CSV; plain, .gz or .zst), from an exact position: each row once, over any
 * number of runs, also when the file has grown in between. A file that was changed elsewhere than at its end is an
 * error. See `resumeFile` for how it is recognised.
 *
 * Errors of `open` and `next`: ERR_FILE_NOT_FOUND, ERR_INPUT_NOT_FILE, ERR_INPUT_FOLLOW, ERR_INPUT_CHANGED,
 * ERR_INPUT_TRUNCATED, ERR_INPUT_COMPRESSED, ERR_INPUT_MALFORMED (nothing more can be read), ERR_DISK_ACCESS,
 * ERR_DISK_IO.
 */
export class FileSource implements RowSource {
  readonly name: string
  readonly #options: FileSourceOptions
  readonly #path: string
  readonly #clock: Clock
  readonly #waiter: Waiter
  #handle: FileHandle | null = null
  #identity: FileIdentity | null = null
  #input: ByteInput | null = null
  #reader: RowReader | null = null
  /** When the path was first seen to name another file; null while it names ours. */
  #rotatedAtMs: number | null = null
  /** The last call found nothing new. */
  #idle = false
  #ended = false

  constructor(options: FileSourceOptions) {
    this.#options = options
    this.#path = resolve(options.path)
    this.name = this.#path
    this.#clock = options.clock ?? systemClock
    this.#waiter = options.waiter ?? realWaiter
  }

  get rows(): number {
    return this.#opened().reader.position.rows
  }

  position(): Json {
    const { reader, identity } = this.#opened()
    const position: FilePosition = { kind: 'file', path: this.#path, file: identity, row: reader.position }
    return position as unknown as Json
  }

  async open(position: Json | null): Promise<void> {
    const { follow = false, compression = null, format, verifyMaxBytes = DEFAULT_VERIFY_MAX_BYTES } = this.#options
    if (follow && (compression !== null || format === 'json')) {
      const what = compression === null ? 'a JSON array' : 'a compressed file'
      throw new TidemarkError(
        'ERR_INPUT_FOLLOW',
        `${this.#options.path} is ${what}, which has an end and cannot be followed. Leave out --follow, or give a ` +
          'plain .jsonl or .csv file.',
        { details: { file: this.#options.path } },
      )
    }
    const resumed = await resumeFile(
      { path: this.#path, shown: this.#options.path, compression, follow, verifyMaxBytes },
      position as unknown as FilePosition | null,
    )
    if (resumed.warning !== null) this.#options.onWarning?.(resumed.warning)
    this.#handle = resumed.handle
    this.#identity = resumed.identity
    this.#input = resumed.input
    this.#reader = new RowReader({ name: this.#options.path, ...this.#options }, resumed.position)
  }

  async next(batch: RowBatch): Promise<'rows' | 'idle' | 'end'> {
    batch.reset()
    if (this.#ended) return 'end'
    const { reader, input } = this.#opened()
    const count = await input.read(reader.space())
    if (count > 0) {
      this.#idle = false
      reader.filled(count)
      reader.parse(false, batch)
      await this.#learnHead(reader.position.byte)
      return 'rows'
    }
    if (this.#options.follow === true) return this.#atFollowedEnd(batch)
    reader.parse(true, batch)
    this.#ended = true
    return 'rows'
  }

  async close(): Promise<void> {
    this.#input?.close()
    await this.#handle?.close()
    this.#input = this.#handle = null
  }

  #opened(): { reader: RowReader; input: ByteInput; identity: FileIdentity; handle: FileHandle } {
    const [reader, input, identity, handle] = [this.#reader, this.#input, this.#identity, this.#handle]
    invariant(reader !== null && input !== null && identity !== null && handle !== null, 'a file source is open')
    return { reader, input, identity, handle }
  }

  /** A file that was shorter than the head when it was opened is known better once there is more of it. */
  async #learnHead(byte: number): Promise<void> {
    const { identity, handle } = this.#opened()
    if (identity.headBytes < HEAD_BYTES && byte > identity.headBytes) this.#identity = await identify(handle)
  }

  /** Nothing more at the moment: truncated, rotated, or simply nothing new. */
  async #atFollowedEnd(batch: RowBatch): Promise<'rows' | 'idle'> {
    const { reader, input, identity, handle } = this.#opened()
    const { size } = await handle.stat()
    const readTo = (input as PlainBytes).position
    if (size < readTo) {
      throw new TidemarkError(
        'ERR_INPUT_TRUNCATED',
        `${this.#options.path} has become shorter (${size} bytes, ${readTo} were read). What was written after the ` +
          'cut cannot be told from what was there before. Rotate it by renaming (in logrotate: not copytruncate).',
        { details: { file: this.#options.path, sizeBytes: size } },
      )
    }
    if ((await isAt(this.#path, identity)) === 'other') {
      const now = this.#clock.monotonicMs()
      this.#rotatedAtMs ??= now
      const graceMs = this.#options.rotateGraceMs ?? DEFAULT_ROTATE_GRACE_MS
      if (size === readTo && now - this.#rotatedAtMs >= graceMs) {
        reader.parse(true, batch)
        await this.#startNext(reader.position.rows)
        return 'rows'
      }
    }
    // The first time without a wait, so that what was read can be committed at once.
    if (this.#idle) await this.#waiter.wait(this.#options.pollMs ?? DEFAULT_POLL_MS)
    this.#idle = true
    return 'idle'
  }

  /** The old file is read to its end: goes on with the one that has its name now. */
  async #startNext(rows: number): Promise<void> {
    await this.close()
    this.#rotatedAtMs = null
    this.#handle = await openInput(this.#path)
    this.#identity = await identify(this.#handle)
    this.#input = new PlainBytes(this.#handle, 0)
    this.#reader = new RowReader({ name: this.#options.path, ...this.#options }, { ...START, rows })
  }
}
