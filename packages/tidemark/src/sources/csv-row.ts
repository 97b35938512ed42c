import { type DecodedText, decodeRaw } from './row-text.ts'

const LF = 10
const CR = 13
const QUOTE = 34
const COMMA = 44

/** Reads one CSV row of any kind. The result stays in the object until the next call. */
export class CsvRow {
  fields: string[] = []
  /** What is wrong with the row, at which index; null if nothing is. */
  error: string | null = null
  errorAt = 0
  /** The index after the row's last field, before its line end. */
  end = 0
  /** Nothing was on the line. */
  blank = false
  #decoded: DecodedText = { text: '', mode: 'ascii' }

  /**
   * Reads the row at `start`. Returns the index after its line end, or -1 if the row goes on after the text. With
   * `final` the end of the text ends the row. After an error the row ends at the next line end, or, if a quote is never
   * closed, at the end of the first line.
   */
  read(decoded: DecodedText, start: number, final: boolean): number {
    const { text } = decoded
    this.#decoded = decoded
    this.fields = []
    this.error = null
    this.blank = false
    let at = start
    for (;;) {
      const fieldStart = at
      at = text.charCodeAt(at) === QUOTE ? this.#quoted(at) : this.#plain(at)
      if (at < 0) {
        if (!final) return -1
        this.#fail('this quote is never closed', fieldStart)
        return this.#lineEnd(start, false)
      }
      if (this.error !== null) return this.#lineEnd(this.errorAt, final)
      if (text.charCodeAt(at) !== COMMA) break
      at++
    }
    this.end = at
    this.blank = at === start
    if (at === text.length) return final ? at : -1
    return text.charCodeAt(at) === CR ? at + 2 : at + 1
  }

  /** Reads an unquoted field; returns the index of what ends it: a comma, a line end or the end. */
  #plain(start: number): number {
    const { text } = this.#decoded
    let at = start
    for (; at < text.length; at++) {
      const code = text.charCodeAt(at)
      if (code === COMMA || code === LF) break
      if (code === QUOTE) this.#fail('a quote inside a field that does not begin with one', at)
    }
    if (text.charCodeAt(at) === LF && at > start && text.charCodeAt(at - 1) === CR) at--
    this.#take(text.slice(start, at), start)
    return at
  }

  /** Reads a quoted field; returns the index after its closing quote, -1 if there is none. */
  #quoted(start: number): number {
    const { text } = this.#decoded
    let value = ''
    let from = start + 1
    for (;;) {
      const close = text.indexOf('"', from)
      if (close < 0) return -1
      value += text.slice(from, close)
      from = close + 1
      if (text.charCodeAt(from) !== QUOTE) break
      value += '"'
      from++
    }
    this.#take(value, start)
    const isEnd = from === text.length || text.charCodeAt(from) === COMMA || text.charCodeAt(from) === LF
    const isCrLf = text.charCodeAt(from) === CR && text.charCodeAt(from + 1) === LF
    if (!isEnd && !isCrLf) this.#fail('text after the closing quote of a field', from)
    return from
  }

  #take(value: string, start: number): void {
    if (this.#decoded.mode !== 'raw') {
      this.fields.push(value)
      return
    }
    const valid = decodeRaw(value)
    if (valid === null) this.#fail('not UTF-8', start)
    else this.fields.push(valid)
  }

  /** The first error of a row counts. */
  #fail(error: string, at: number): void {
    if (this.error !== null) return
    this.error = error
    this.errorAt = at
  }

  #lineEnd(from: number, final: boolean): number {
    const { text } = this.#decoded
    const lineEnd = text.indexOf('\n', from)
    this.end = lineEnd < 0 ? text.length : lineEnd
    if (lineEnd >= 0) return lineEnd + 1
    return final || this.error !== null ? text.length : -1
  }
}
