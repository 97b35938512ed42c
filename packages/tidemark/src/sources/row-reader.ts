import { crc32 } from 'node:zlib'
import { CsvParser } from './csv-parser.ts'
import { JsonArrayParser } from './json-array-parser.ts'
import { JsonlParser } from './jsonl-parser.ts'
import type { RowBatch } from './row-batch.ts'
import type { ParserState, RowFormat, RowParser } from './row-parser.ts'
import { malformedError } from './row-text.ts'

const DEFAULT_CHUNK_BYTES = 256 * 1024
const DEFAULT_MAX_ROW_BYTES = 16 * 1024 * 1024

/** A place between two rows of an input, in its uncompressed bytes. JSON. */
export interface RowPosition {
  readonly byte: number
  /** CRC-32 of all bytes before. */
  readonly crc: number
  /** Rows before, malformed ones too. */
  readonly rows: number
  readonly parser: ParserState | null
}

export const START: RowPosition = { byte: 0, crc: 0, rows: 0, parser: null }

export interface RowReaderOptions {
  /** For messages. */
  readonly name: string
  readonly format: RowFormat
  /** How much is read and parsed at once (default 256 KiB). */
  readonly chunkBytes?: number
  /** A row larger than this is malformed (default 16 MiB). Bounds the memory. */
  readonly maxRowBytes?: number
}

/**
 * Turns bytes into rows, with the exact position after the last whole row. The caller puts bytes into `space()`, says
 * how many (`filled`), and calls `parse`. Pure: no I/O.
 */
export class RowReader {
  readonly #options: RowReaderOptions
  readonly #maxRowBytes: number
  readonly #parser: RowParser
  #buffer: Buffer
  #start = 0
  #end = 0
  #byte: number
  #crc: number
  #rows: number

  constructor(options: RowReaderOptions, position: RowPosition = START) {
    this.#options = options
    this.#maxRowBytes = options.maxRowBytes ?? DEFAULT_MAX_ROW_BYTES
    this.#buffer = Buffer.allocUnsafe(Math.min(options.chunkBytes ?? DEFAULT_CHUNK_BYTES, this.#maxRowBytes))
    this.#parser = makeParser(options.format, options.name, position.parser)
    this.#byte = position.byte
    this.#crc = position.crc
    this.#rows = position.rows
  }

  get position(): RowPosition {
    return { byte: this.#byte, crc: this.#crc, rows: this.#rows, parser: this.#parser.state() }
  }

  /** Bytes that were filled in and are not part of a row yet. */
  get pendingBytes(): number {
    return this.#end - this.#start
  }

  /** Where the next bytes go; never empty. */
  space(): Buffer {
    if (this.#start > 0) {
      this.#buffer.copy(this.#buffer, 0, this.#start, this.#end)
      this.#end -= this.#start
      this.#start = 0
    }
    if (this.#end === this.#buffer.length) {
      const grown = Buffer.allocUnsafe(Math.min(this.#buffer.length * 2, this.#maxRowBytes + 1))
      this.#buffer.copy(grown, 0, 0, this.#end)
      this.#buffer = grown
    }
    return this.#buffer.subarray(this.#end)
  }

  filled(count: number): void {
    this.#end += count
  }

  /** Appends the whole rows that there are to `out`; with `final` an unfinished one at the end too. */
  parse(final: boolean, out: RowBatch): void {
    if (this.#byte === 0) this.#skipByteOrderMark()
    const before = this.#byte
    // A piece can need several turns only around rows that are too long.
    for (let turn = true; turn; ) {
      const count = out.count
      const pending = this.#buffer.subarray(this.#start, this.#end)
      this.#take(this.#parser.parse(pending, final, out))
      this.#rows += out.count - count
      turn = out.count === count && this.pendingBytes > this.#maxRowBytes
      if (turn) this.#tooLong(out)
    }
    out.sizeBytes += this.#byte - before
  }

  #tooLong(out: RowBatch): void {
    const drop = this.#parser.tooLong(this.#buffer.subarray(this.#start, this.#end), out)
    this.#take(drop)
    this.#rows++
  }

  #take(count: number): void {
    if (count === 0) return
    this.#crc = crc32(this.#buffer.subarray(this.#start, this.#start + count), this.#crc)
    this.#start += count
    this.#byte += count
  }

  #skipByteOrderMark(): void {
    const [first, second, third] = this.#buffer.subarray(this.#start, this.#end)
    if (first === 0xef && second === 0xbb && third === 0xbf) this.#take(3)
    if ((first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff)) {
      const row = { error: 'the file is UTF-16; convert it to UTF-8', line: 1, column: 1, text: '' }
      throw malformedError(this.#options.name, row)
    }
  }
}

function makeParser(format: RowFormat, name: string, state: ParserState | null): RowParser {
  if (format === 'csv') return new CsvParser(name, state)
  return format === 'json' ? new JsonArrayParser(name, state) : new JsonlParser(name, state)
}
