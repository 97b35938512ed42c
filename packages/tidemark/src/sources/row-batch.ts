/** How much of a row's text is kept for messages and dead letters, in UTF-16 code units. */
export const ROW_TEXT_LIMIT = 65_536

/** A row that could not be read: what is wrong with it, where it is (both from 1), and its text (bounded). */
export interface MalformedRow {
  readonly error: string
  readonly line: number
  readonly column: number
  readonly text: string
}

/** Whether one unit of a decoded text is one byte (`ascii`, `raw`: bytes that are not UTF-8) or one UTF-16 unit. */
export type TextMode = 'ascii' | 'utf8' | 'raw'

/**
 * The rows of one piece of input, in order, reused from piece to piece. Row i is malformed if `bad` has i; else its
 * value is `values[i]`. Entries at `count` and after are left over from earlier pieces.
 */
export class RowBatch {
  count = 0
  readonly values: unknown[] = []
  /** Keys and timestamps by row; null when the source has none. */
  keys: unknown[] | null = null
  timestamps: (number | null)[] | null = null
  readonly lines: number[] = []
  bad: Map<number, MalformedRow> | null = null
  /** Bytes of input that these rows took. */
  sizeBytes = 0
  #text = ''
  #mode: TextMode = 'ascii'
  #column = 1
  readonly #starts: number[] = []
  readonly #ends: number[] = []

  reset(): void {
    this.count = 0
    this.bad = null
    this.sizeBytes = 0
    this.#text = ''
  }

  /** Sets the decoded text that the next rows' starts and ends count in, and the column of its first character. */
  setText(text: string, mode: TextMode, column = 1): void {
    this.#text = text
    this.#mode = mode
    this.#column = column
  }

  /** Adds a row; `start` and `end` are its place in the text. */
  push(value: unknown, line: number, start: number, end: number): void {
    const at = this.count++
    this.values[at] = value
    this.lines[at] = line
    this.#starts[at] = start
    this.#ends[at] = end
  }

  pushBad(row: MalformedRow): void {
    const at = this.count
    this.push(null, row.line, 0, 0)
    this.bad ??= new Map()
    this.bad.set(at, row)
  }

  /** Row i, which was read well, as a malformed one: its value was refused later. */
  refuse(i: number, error: string): MalformedRow {
    const start = this.#starts[i] as number
    const lineStart = this.#text.lastIndexOf('\n', start - 1)
    const column = start === 0 || lineStart < 0 ? this.#column + start : start - lineStart
    return {
      error,
      line: this.lines[i] as number,
      column,
      text: shownText(this.#text, this.#mode, start, this.#ends[i] as number),
    }
  }
}

/** As much of text[start, end) as is kept, for people. Raw bytes are not cut inside a character. */
export function shownText(text: string, mode: TextMode, start: number, end: number): string {
  let shownEnd = start + ROW_TEXT_LIMIT
  if (end <= shownEnd) return readable(text.slice(start, end), mode)
  const floor = mode === 'raw' ? shownEnd - 3 : shownEnd
  while (shownEnd > floor && (text.charCodeAt(shownEnd) & 0xc0) === 0x80) shownEnd--
  return readable(text.slice(start, shownEnd), mode)
}

/** Text for people: raw bytes are shown as UTF-8 with replacement characters. */
export function readable(text: string, mode: TextMode): string {
  return mode === 'raw' ? Buffer.from(text, 'latin1').toString('utf8') : text
}
