import { TidemarkError } from '../errors/error.ts'
import type { RowBatch } from './row-batch.ts'
import { decodeText, malformedAt } from './row-text.ts'
import type { ParserState } from './row-parser.ts'

const LF = 10
const CR = 13

/** What the parsers of line formats (JSONL, CSV) share: the line count, rows too long, a last line without line end. */
export class LineState {
  readonly #name: string
  /** The line of the next row. */
  line: number
  unterminated: boolean
  #skipping: boolean

  constructor(name: string, state: ParserState | null) {
    this.#name = name
    this.line = state?.line ?? 1
    this.unterminated = state?.unterminated ?? false
    this.#skipping = state?.skipping ?? false
  }

  state(): ParserState {
    return {
      line: this.line,
      ...(this.unterminated ? { unterminated: true } : {}),
      ...(this.#skipping ? { skipping: true } : {}),
    }
  }

  /**
   * Bytes at the front that belong to the row before: the rest of a line too long, or the line end of a last line that
   * was taken without one; -1 when more bytes are needed to know.
   */
  front(bytes: Buffer, final: boolean): number {
    if (bytes.length === 0) return 0
    if (this.#skipping) return this.#skip(bytes)
    if (!this.unterminated) return 0
    const lineEnd = bytes[0] === CR ? 1 : 0
    if (bytes.length <= lineEnd) return final ? 0 : -1
    if (bytes[lineEnd] !== LF) throw this.#extended()
    this.unterminated = false
    this.line++
    return lineEnd + 1
  }

  #skip(bytes: Buffer): number {
    const end = bytes.indexOf(LF)
    if (end < 0) return bytes.length
    this.#skipping = false
    this.line++
    return end + 1
  }

  #extended(): TidemarkError {
    return new TidemarkError(
      'ERR_INPUT_CHANGED',
      `${this.#name}:${this.line}: the last line had no line end when it was read, and has been made longer since. ` +
        'It was taken as a whole row, so the rest of it would be wrong. Write whole lines, each with its line end; ' +
        'to read the whole file again, use another data directory.',
      { details: { file: this.#name, line: this.line } },
    )
  }

  /** The row at the front of `bytes` does not fit: drops its first line (a quote may be what made it so long). */
  tooLong(bytes: Buffer, out: RowBatch): number {
    const end = bytes.indexOf(LF)
    const taken = bytes.subarray(0, end < 0 ? bytes.length : end)
    const decoded = decodeText(taken.subarray(0, 4096))
    const error = `a row longer than ${bytes.length} bytes (is a quote left open?)`
    out.pushBad(malformedAt(decoded, { start: 0, end: decoded.text.length, at: 0, line: this.line }, error))
    if (end < 0) this.#skipping = true
    else this.line++
    return end < 0 ? bytes.length : end + 1
  }
}
