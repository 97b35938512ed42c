import { CsvRow } from './csv-row.ts'
import { LineState } from './line-state.ts'
import { type RowBatch, readable } from './row-batch.ts'
import type { ParserState, RowParser } from './row-parser.ts'
import { type DecodedText, byteLengthOf, countLines, decodeText, malformedAt, malformedError } from './row-text.ts'

const LF = 10
const CR = 13
const QUOTE = 34
const COMMA = 44

/**
 * CSV (RFC 4180) with a header line: a row is an object of strings by the header's names. Fields may be quoted, with
 * quotes doubled and line ends inside. Blank lines are skipped. A quote inside an unquoted field, text after a closing
 * quote, and another number of fields than the header's make a row malformed.
 */
export class CsvParser implements RowParser {
  readonly #name: string
  readonly #lines: LineState
  readonly #row = new CsvRow()
  #columns: readonly string[] | null

  constructor(name: string, state: ParserState | null) {
    this.#name = name
    this.#lines = new LineState(name, state)
    this.#columns = state?.columns ?? null
  }

  state(): ParserState {
    return { ...this.#lines.state(), ...(this.#columns === null ? {} : { columns: this.#columns }) }
  }

  tooLong(bytes: Buffer, out: RowBatch): number {
    return this.#lines.tooLong(bytes, out)
  }

  parse(bytes: Buffer, final: boolean, out: RowBatch): number {
    const front = this.#lines.front(bytes, final)
    if (front < 0) return 0
    const end = final ? bytes.length : bytes.lastIndexOf(LF) + 1
    if (end <= front) return front
    const decoded = decodeText(bytes.subarray(front, end))
    out.setText(decoded.text, decoded.mode)
    let at = 0
    while (this.#columns === null && at < decoded.text.length) {
      const next = this.#header(decoded, at, final)
      if (next < 0) return front
      at = next
    }
    if (this.#columns !== null) at = this.#rows(decoded, at, final, this.#columns, out)
    if (final && bytes[bytes.length - 1] !== LF) this.#lines.unterminated = true
    return end - byteLengthOf(decoded.text, decoded.mode, at)
  }

  /** Reads the header line; returns the index after it, -1 if it is not whole yet. */
  #header(decoded: DecodedText, start: number, final: boolean): number {
    const row = this.#row
    const next = row.read(decoded, start, final)
    if (next < 0) return -1
    const names = row.blank ? [] : row.fields
    const seen = new Set<string>()
    const twice = names.find((name) => seen.size === seen.add(name).size)
    const wrong =
      row.error ??
      (twice === undefined ? null : `the header has the column '${twice}' twice`) ??
      (names.includes('__proto__') ? "a column may not be called '__proto__'" : null)
    if (wrong !== null) {
      const place = { start, end: next, at: row.error === null ? start : row.errorAt, line: this.#lines.line }
      const hint = '. The first line must have the columns’ names.'
      throw malformedError(this.#name, malformedAt(decoded, place, wrong), hint)
    }
    if (!row.blank) this.#columns = names
    this.#lines.line += countLines(decoded.text, start, next)
    return next
  }

  /** Takes whole rows; returns the index after the last one. Rows with quotes, or in raw text, go the slower way. */
  #rows(decoded: DecodedText, from: number, final: boolean, columns: readonly string[], out: RowBatch): number {
    const { text, mode } = decoded
    const length = text.length
    const width = columns.length
    let start = from
    let at = start
    let field = 0
    let row: Record<string, string> = {}
    for (let i = mode === 'raw' ? length : start; i < length; i++) {
      const code = text.charCodeAt(i)
      if (code > COMMA) continue
      if (code === COMMA) {
        if (field < width) row[columns[field] as string] = text.slice(at, i)
        field++
        at = i + 1
      } else if (code === LF) {
        const end = i > at && text.charCodeAt(i - 1) === CR ? i - 1 : i
        if (field < width) row[columns[field] as string] = text.slice(at, end)
        if (field === width - 1 && end > start) out.push(row, this.#lines.line, start, end)
        else if (end > start) this.#wrongWidth(decoded, start, end, field + 1, out)
        this.#lines.line++
        row = {}
        field = 0
        start = at = i + 1
      } else if (code === QUOTE) {
        const next = this.#quotedRow(decoded, start, final, columns, out)
        if (next < 0) return start
        row = {}
        field = 0
        start = at = next
        i = next - 1
      }
    }
    while (start < length) {
      const next = this.#quotedRow(decoded, start, final, columns, out)
      if (next < 0) return start
      start = next
    }
    return start
  }

  /** Takes one row of any kind; returns the index after it, -1 if it is not whole yet. */
  #quotedRow(decoded: DecodedText, start: number, final: boolean, columns: readonly string[], out: RowBatch): number {
    const row = this.#row
    const next = row.read(decoded, start, final)
    if (next < 0) return -1
    if (row.error !== null) {
      const place = { start, end: next, at: row.errorAt, line: this.#lines.line }
      out.pushBad(malformedAt(decoded, place, row.error))
    } else if (!row.blank && row.fields.length !== columns.length) {
      this.#wrongWidth(decoded, start, row.end, row.fields.length, out)
    } else if (!row.blank) {
      const value: Record<string, string> = {}
      for (let i = 0; i < columns.length; i++) value[columns[i] as string] = row.fields[i] as string
      out.push(value, this.#lines.line, start, row.end)
    }
    this.#lines.line += countLines(decoded.text, start, next)
    return next
  }

  #wrongWidth(decoded: DecodedText, start: number, end: number, fields: number, out: RowBatch): void {
    const expected = (this.#columns as readonly string[]).length
    const error = `${fields} ${fields === 1 ? 'field' : 'fields'}, but the header has ${expected}`
    const text = readable(decoded.text.slice(start, end), decoded.mode)
    const whole = { text, mode: 'utf8' } as const
    out.pushBad(malformedAt(whole, { start: 0, end: text.length, at: 0, line: this.#lines.line }, error))
  }
}
