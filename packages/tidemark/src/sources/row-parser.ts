import type { RowBatch } from './row-batch.ts'

/** What a parser has to know to go on from a position in the middle of a file. JSON; kept in the source's position. */
export interface ParserState {
  /** The line of the next byte, from 1. */
  readonly line: number
  /** The column of the next byte, from 1, when it can be in the middle of a line (JSON arrays). */
  readonly column?: number
  /** The names in a CSV header. */
  readonly columns?: readonly string[]
  /** The last row was taken at the end of the data, without a line end. */
  readonly unterminated?: boolean
  /** The rest of a line that was too long is being skipped. */
  readonly skipping?: boolean
  /** A JSON array has been opened and an element was taken. */
  readonly opened?: boolean
}

/** Makes rows of bytes. Pure: no I/O, no time. */
export interface RowParser {
  /**
   * Appends the whole rows of `bytes`, which begin after the last row that was taken, and returns how many bytes they
   * took. With `final` no more bytes will come, so that an unfinished row counts as a row.
   * Throws ERR_INPUT_MALFORMED when nothing more can be read of the input, ERR_INPUT_CHANGED when a last line that was
   * taken without its line end has been made longer since.
   */
  parse(bytes: Buffer, final: boolean, out: RowBatch): number
  /**
   * Gives up a row that does not fit in `bytes`: it becomes a malformed row. Returns how many bytes are to be dropped.
   * Throws ERR_INPUT_MALFORMED when there is no way to find the next row.
   */
  tooLong(bytes: Buffer, out: RowBatch): number
  state(): ParserState
}

export type RowFormat = 'jsonl' | 'json' | 'csv'
