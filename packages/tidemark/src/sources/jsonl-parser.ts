import { findJsonError } from './json-error.ts'
import { LineState } from './line-state.ts'
import type { RowBatch } from './row-batch.ts'
import type { ParserState, RowParser } from './row-parser.ts'
import { type DecodedText, decodeRaw, decodeText, invalidUtf8At, malformedAt } from './row-text.ts'

const LF = 10
const BLANK = /^[ \t\r]*$/

/** JSON Lines: one JSON value a line. Blank lines are skipped. */
export class JsonlParser implements RowParser {
  readonly #lines: LineState

  constructor(name: string, state: ParserState | null) {
    this.#lines = new LineState(name, state)
  }

  state(): ParserState {
    return this.#lines.state()
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
    const { text, mode } = decoded
    out.setText(text, mode)
    let at = 0
    while (at < text.length) {
      let lineEnd = text.indexOf('\n', at)
      if (lineEnd < 0) lineEnd = text.length
      this.#line(decoded, at, lineEnd, out)
      if (lineEnd < text.length) this.#lines.line++
      else this.#lines.unterminated = true
      at = lineEnd + 1
    }
    return end
  }

  #line(decoded: DecodedText, start: number, end: number, out: RowBatch): void {
    let line = decoded.text.slice(start, end)
    if (decoded.mode === 'raw') {
      const valid = decodeRaw(line)
      if (valid === null) {
        const row = malformedAt(decoded, { start, end, at: start, line: this.#lines.line }, 'not UTF-8')
        out.pushBad({ ...row, column: invalidUtf8At(line) + 1 })
        return
      }
      line = valid
    }
    try {
      out.push(JSON.parse(line), this.#lines.line, start, end)
    } catch {
      this.#refused(line, out)
    }
  }

  #refused(line: string, out: RowBatch): void {
    if (BLANK.test(line)) return
    const found = findJsonError(line)
    const at = found?.index ?? 0
    const error = found?.error ?? 'not JSON'
    const whole = { text: line, mode: 'utf8' } as const
    out.pushBad(malformedAt(whole, { start: 0, end: line.length, at, line: this.#lines.line }, error))
  }
}
