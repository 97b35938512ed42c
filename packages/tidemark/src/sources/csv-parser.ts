import { isAscii, isUtf8 } from 'node:buffer'
import { CsvError, type InfoField, type InfoRecord, parse } from 'csv-parse/sync'
import { csvErrorAt } from './csv-error.ts'
import { LineState } from './line-state.ts'
import type { RowBatch } from './row-batch.ts'
import type { ParserState, RowParser } from './row-parser.ts'
import { type DecodedText, countLines, invalidUtf8At, malformedAt, malformedError } from './row-text.ts'

const LF = 10
const CR = 13
const QUOTE = 34

/** Rows to read: bytes that begin with a row, and the same bytes as text, one unit a byte. */
interface Piece {
  readonly bytes: Buffer
  readonly decoded: DecodedText
  readonly isUtf8: boolean
  readonly final: boolean
}

/**
 * CSV (RFC 4180) with a header line: a row is an object of strings by the header's names. Fields may be quoted, with
 * quotes doubled and line ends inside. Blank lines are skipped. A quote inside an unquoted field, text after a closing
 * quote, and another number of fields than the header's make a row malformed.
 *
 * csv-parse reads the rows. It is started anew for each piece, at the beginning of a row, because it knows no way to go
 * on after an error, nor from a position.
 */
export class CsvParser implements RowParser {
  readonly #name: string
  readonly #lines: LineState
  #columns: readonly string[] | null
  /** How many bytes after the last row are known to end inside quotes. */
  #openBytes = 0

  constructor(name: string, state: ParserState | null) {
    this.#name = name
    this.#lines = new LineState(name, state)
    this.#columns = state?.columns ?? null
  }

  state(): ParserState {
    return { ...this.#lines.state(), ...(this.#columns === null ? {} : { columns: this.#columns }) }
  }

  tooLong(bytes: Buffer, out: RowBatch): number {
    this.#openBytes = 0
    return this.#lines.tooLong(bytes, out)
  }

  parse(bytes: Buffer, final: boolean, out: RowBatch): number {
    const front = this.#lines.front(bytes, final)
    if (front < 0) return 0
    const end = final ? bytes.length : bytes.lastIndexOf(LF) + 1
    if (end <= front || (!final && this.#isStillOpen(bytes))) return front
    this.#openBytes = 0
    const rows = bytes.subarray(front, end)
    const decoded: DecodedText = { text: rows.toString('latin1'), mode: isAscii(rows) ? 'ascii' : 'raw' }
    const piece = { bytes: rows, decoded, isUtf8: isUtf8(rows), final }
    out.setText(decoded.text, decoded.mode)
    let at = 0
    do at = this.#read(piece, at, out)
    while (at < rows.length && this.#openBytes === 0)
    if (final && bytes[bytes.length - 1] !== LF) this.#lines.unterminated = true
    return front + at
  }

  /** A row that ended inside quotes goes on as long as no other quote has come: it need not be read again. */
  #isStillOpen(bytes: Buffer): boolean {
    if (this.#openBytes === 0) return false
    if (bytes.indexOf(QUOTE, this.#openBytes) >= 0) return false
    this.#openBytes = bytes.length
    return true
  }

  /** Reads rows until the end, or until one that csv-parse refuses; returns the index after the last one. */
  #read(piece: Piece, from: number, out: RowBatch): number {
    let at = from
    const takeRow = (fields: string[], info: InfoRecord): null => {
      const next = from + info.bytes
      this.#take(piece, fields, this.#skipBlankLines(piece.bytes, at), next, out)
      at = next
      return null
    }
    try {
      parse(piece.bytes.subarray(from), {
        record_delimiter: ['\r\n', '\n'],
        relax_column_count: true,
        skip_empty_lines: true,
        on_record: takeRow,
      })
    } catch (error) {
      if (!(error instanceof CsvError)) throw error
      return this.#refused(piece, from, this.#skipBlankLines(piece.bytes, at), error, out)
    }
    this.#lines.line += countLines(piece.decoded.text, at, piece.bytes.length)
    return piece.bytes.length
  }

  #skipBlankLines(bytes: Buffer, from: number): number {
    let at = from
    for (;;) {
      const lineEnd = bytes[at] === CR ? at + 1 : at
      if (bytes[lineEnd] !== LF) return at
      at = lineEnd + 1
      this.#lines.line++
    }
  }

  /** Takes the row in [start, next) with its line end. */
  #take(piece: Piece, fields: string[], start: number, next: number, out: RowBatch): void {
    const { bytes, decoded } = piece
    const columns = this.#columns
    const line = this.#lines.line
    const isOneLine = decoded.text.indexOf('\n', start) === next - 1
    this.#lines.line += isOneLine ? 1 : countLines(decoded.text, start, next)
    let end = next
    if (bytes[end - 1] === LF) end -= bytes[end - 2] === CR ? 2 : 1
    const place = { start, end, at: start, line }
    if (!piece.isUtf8 && !isUtf8(bytes.subarray(start, end))) {
      const row = decoded.text.slice(start, end)
      const valid = Buffer.from(row, 'latin1').toString('utf8').slice(0, invalidUtf8At(row))
      this.#malformed(piece, { ...place, end: next, at: start + Buffer.byteLength(valid) }, 'not UTF-8', out)
    } else if (columns === null) {
      this.#header(piece, place, fields)
    } else if (fields.length !== columns.length) {
      const count = `${fields.length} ${fields.length === 1 ? 'field' : 'fields'}`
      this.#malformed(piece, place, `${count}, but the header has ${columns.length}`, out)
    } else {
      const row: Record<string, string> = {}
      for (let i = 0; i < columns.length; i++) row[columns[i] as string] = fields[i] as string
      out.push(row, line, start, end)
    }
  }

  #header(piece: Piece, place: Place, names: string[]): void {
    const seen = new Set<string>()
    const twice = names.find((name) => seen.size === seen.add(name).size)
    if (twice !== undefined) throw this.#badHeader(piece, place, `the header has the column '${twice}' twice`)
    if (names.includes('__proto__')) throw this.#badHeader(piece, place, "a column may not be called '__proto__'")
    this.#columns = names
  }

  /** Gives up a row that csv-parse refused; returns the index after it, which is `start` when more of it may come. */
  #refused(piece: Piece, from: number, start: number, error: CsvError, out: RowBatch): number {
    const { text } = piece.decoded
    const isOpen = error.code === 'CSV_QUOTE_NOT_CLOSED'
    if (isOpen && !piece.final) {
      this.#openBytes = text.length - start
      return start
    }
    const { bytes: fieldsEnd, index } = error as CsvError & InfoField
    const fieldStart = index === 0 ? start : from + fieldsEnd + 1
    const wrong = csvErrorAt(text, fieldStart, error)
    // A quote that is never closed costs its first line only. Else the row ends with the line of the error.
    const lineEnd = text.indexOf('\n', isOpen ? start : wrong.at)
    const next = lineEnd < 0 ? text.length : lineEnd + 1
    const line = this.#lines.line
    this.#lines.line += countLines(text, start, next)
    this.#malformed(piece, { start, end: next, at: wrong.at, line }, wrong.error, out)
    return next
  }

  /** A malformed header leaves no way to read the rest. */
  #malformed(piece: Piece, place: Place, error: string, out: RowBatch): void {
    if (this.#columns === null) throw this.#badHeader(piece, place, error)
    out.pushBad(malformedAt(piece.decoded, place, error))
  }

  #badHeader(piece: Piece, place: Place, error: string): Error {
    const hint = '. The first line must have the columns’ names.'
    return malformedError(this.#name, malformedAt(piece.decoded, place, error), hint)
  }
}

interface Place {
  readonly start: number
  readonly end: number
  readonly at: number
  readonly line: number
}
