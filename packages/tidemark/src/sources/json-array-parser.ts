import { type JSONScanner, createScanner } from 'jsonc-parser'
import { findJsonError } from './json-error.ts'
import type { RowBatch } from './row-batch.ts'
import type { ParserState, RowParser } from './row-parser.ts'
import {
  type DecodedText,
  byteLengthOf,
  countLines,
  decodeRaw,
  decodeText,
  invalidUtf8At,
  malformedAt,
  malformedError,
  wholeCharactersEnd,
} from './row-text.ts'

const HINT = '. A .json file must be one array of rows; for one value a line use the format jsonl.'
const SPACE = /[ \t\r\n]*/y
const SCALAR_END = /[,\]\s]/g
const UNEXPECTED_END_OF_STRING = 2

/**
 * The scanner would take these for comments, or for the end of a string. It sees spaces instead: only where an element
 * ends is asked of it, and JSON.parse, which sees the text itself, refuses them where they must not be.
 */
const NOT_FOR_SCANNER = /[\r\n/]/g

/**
 * A JSON file that is one array: each element is a row. The scanner of jsonc-parser finds where an element ends, and it
 * is parsed on its own, so that memory is bounded by the largest element. The position is always after an element (the closing
 * bracket is read again), so that a file that was written anew with more elements goes on where it ended.
 */
export class JsonArrayParser implements RowParser {
  readonly #name: string
  #line: number
  #column: number
  #opened: boolean
  /** Line feeds were counted up to this index of the current text. */
  #countedTo = 0
  #countedLine = 1
  /** The tokens of the current text. */
  #tokens = createScanner('')

  constructor(name: string, state: ParserState | null) {
    this.#name = name
    this.#line = state?.line ?? 1
    this.#column = state?.column ?? 1
    this.#opened = state?.opened ?? false
  }

  state(): ParserState {
    return { line: this.#line, column: this.#column, opened: this.#opened }
  }

  tooLong(bytes: Buffer): number {
    const decoded = decodeText(bytes.subarray(0, wholeCharactersEnd(bytes, 4096)))
    throw this.#broken(decoded, 0, `an element longer than ${bytes.length} bytes`)
  }

  parse(bytes: Buffer, final: boolean, out: RowBatch): number {
    const end = final ? bytes.length : wholeCharactersEnd(bytes, bytes.length)
    const decoded = decodeText(bytes.subarray(0, end))
    const { text, mode } = decoded
    out.setText(text, mode, this.#column)
    this.#tokens = createScanner(text.replace(NOT_FOR_SCANNER, ' '))
    this.#countedTo = 0
    this.#countedLine = this.#line
    let taken = 0
    for (;;) {
      const next = this.#element(decoded, taken, final, out)
      if (next < 0) break
      taken = next
    }
    this.#advance(text, taken, decoded)
    return end - byteLengthOf(text, mode, taken)
  }

  #advance(text: string, taken: number, decoded: DecodedText): void {
    if (taken === 0) return
    const place = { start: 0, end: 0, at: taken, line: this.#line, column: this.#column }
    const after = malformedAt({ text, mode: decoded.mode }, place, '')
    this.#line = after.line
    this.#column = after.column
  }

  /** Takes one element with what stands before it; returns the index after it, -1 if there is none, or no whole one. */
  #element(decoded: DecodedText, from: number, final: boolean, out: RowBatch): number {
    const { text } = decoded
    let at = skipSpace(text, from)
    const first = !this.#opened
    if (at < text.length && text[at] !== (first ? '[' : ',')) {
      if (!first && text[at] === ']') return this.#close(decoded, at + 1)
      throw this.#broken(decoded, at, first ? 'not a JSON array' : "',' or ']' expected after an element")
    }
    if (at < text.length) at = skipSpace(text, at + 1)
    if (at >= text.length) {
      if (final) throw this.#broken(decoded, at, 'the end of the file, but the array is not closed')
      return -1
    }
    if (first && text[at] === ']') return this.#close(decoded, at + 1)
    const end = elementEnd(this.#tokens, text, at, final)
    if (end < 0) {
      if (final) throw this.#broken(decoded, at, 'this element is never closed')
      return -1
    }
    if (end === at) throw this.#broken(decoded, at, `a value expected, but found '${text[at]}'`)
    this.#take(decoded, at, end, out)
    this.#opened = true
    return end
  }

  /** Nothing but space may stand after the array. */
  #close(decoded: DecodedText, from: number): number {
    const at = skipSpace(decoded.text, from)
    if (at < decoded.text.length) throw this.#broken(decoded, at, 'more after the end of the array')
    return -1
  }

  #take(decoded: DecodedText, start: number, end: number, out: RowBatch): void {
    const { text, mode } = decoded
    const line = this.#lineOf(text, start)
    const place = { start, end, at: start, line, column: this.#column }
    const raw = text.slice(start, end)
    const valid = mode === 'raw' ? decodeRaw(raw) : raw
    if (valid === null) {
      const at = start + Buffer.byteLength(Buffer.from(raw, 'latin1').toString('utf8').slice(0, invalidUtf8At(raw)))
      out.pushBad(malformedAt(decoded, { ...place, at }, 'not UTF-8'))
      return
    }
    try {
      out.push(JSON.parse(valid), line, start, end)
    } catch {
      const found = findJsonError(valid)
      const inside = found?.index ?? 0
      const at = start + (mode === 'raw' ? Buffer.byteLength(valid.slice(0, inside)) : inside)
      out.pushBad(malformedAt(decoded, { ...place, at }, found?.error ?? 'not JSON'))
    }
  }

  #lineOf(text: string, index: number): number {
    this.#countedLine += countLines(text, this.#countedTo, index)
    this.#countedTo = index
    return this.#countedLine
  }

  #broken(decoded: DecodedText, at: number, error: string): Error {
    const line = this.#line + countLines(decoded.text, 0, at)
    const place = { start: at, end: at + 80, at, line, column: this.#column }
    return malformedError(this.#name, malformedAt(decoded, place, error), HINT)
  }
}

function skipSpace(text: string, from: number): number {
  SPACE.lastIndex = from
  SPACE.exec(text)
  return SPACE.lastIndex
}

/** The index after the value that begins at `start`; -1 if it is not whole. Finds the end only: JSON.parse checks it. */
function elementEnd(tokens: JSONScanner, text: string, start: number, final: boolean): number {
  const first = text[start]
  if (first !== '{' && first !== '[' && first !== '"') {
    SCALAR_END.lastIndex = start
    const end = SCALAR_END.exec(text)
    if (end === null) return final ? text.length : -1
    return end.index
  }
  tokens.setPosition(start)
  let depth = 0
  do {
    tokens.scan()
    const at = tokens.getTokenOffset()
    const error: number = tokens.getTokenError()
    if (at === text.length || error === UNEXPECTED_END_OF_STRING) return -1
    const char = text[at]
    if (char === '{' || char === '[') depth++
    else if (char === '}' || char === ']') depth--
  } while (depth > 0)
  return tokens.getPosition()
}
