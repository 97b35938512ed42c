import { isAscii, isUtf8 } from 'node:buffer'
import { TidemarkError } from '../errors/error.ts'
import { type MalformedRow, type TextMode, readable, shownText } from './row-batch.ts'

/** A piece of input as a string. In modes `ascii` and `raw` one unit is one byte. */
export interface DecodedText {
  readonly text: string
  readonly mode: TextMode
}

/**
 * Decodes bytes that begin and end between characters. Bytes that are not UTF-8 come out in mode `raw`, one unit a
 * byte, so that a parser can still find the rows and refuse only those that are not valid.
 */
export function decodeText(bytes: Buffer): DecodedText {
  if (isAscii(bytes)) return { text: bytes.toString('latin1'), mode: 'ascii' }
  if (isUtf8(bytes)) return { text: bytes.toString('utf8'), mode: 'utf8' }
  return { text: bytes.toString('latin1'), mode: 'raw' }
}

/** How many bytes text[from, end) took in the input. */
export function byteLengthOf(text: string, mode: TextMode, from: number): number {
  return mode === 'utf8' ? Buffer.byteLength(text.slice(from)) : text.length - from
}

/** Decodes a raw text (mode `raw`) as UTF-8; null if it is not. */
export function decodeRaw(text: string): string | null {
  const bytes = Buffer.from(text, 'latin1')
  return isUtf8(bytes) ? bytes.toString('utf8') : null
}

/** The index of the first byte that is not UTF-8, in characters from 0, of a raw text that is not valid. */
export function invalidUtf8At(text: string): number {
  const bytes = Buffer.from(text, 'latin1')
  const shown = bytes.toString('utf8')
  for (let at = shown.indexOf('\ufffd'); at >= 0; at = shown.indexOf('\ufffd', at + 1)) {
    const before = Buffer.byteLength(shown.slice(0, at))
    if (bytes[before] !== 0xef || bytes[before + 1] !== 0xbf || bytes[before + 2] !== 0xbd) return at
  }
  return 0
}

/** The end of the last whole UTF-8 character in bytes[0, end): cuts off a character that goes on in the next piece. */
export function wholeCharactersEnd(bytes: Uint8Array, end: number): number {
  const floor = Math.max(0, end - 3)
  for (let i = end - 1; i >= floor; i--) {
    const byte = bytes[i] as number
    if (byte < 0x80) return end
    if (byte < 0xc0) continue
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2
    return i + length > end ? i : end
  }
  return end
}

/** Line feeds in text[start, end). */
export function countLines(text: string, start: number, end: number): number {
  let lines = 0
  for (let at = text.indexOf('\n', start); at >= 0 && at < end; at = text.indexOf('\n', at + 1)) lines++
  return lines
}

/**
 * Describes a malformed row that begins at `start`, on line `line`, where something is wrong at `at`. `column` is the
 * column of the text's first character, for texts that begin inside a line.
 */
export function malformedAt(
  decoded: DecodedText,
  place: { start: number; end: number; at: number; line: number; column?: number },
  error: string,
): MalformedRow {
  const { text, mode } = decoded
  const { start, at } = place
  const lineStart = at === 0 ? 0 : text.lastIndexOf('\n', at - 1) + 1
  const before = readable(text.slice(lineStart, at), mode).length
  return {
    error,
    line: place.line + countLines(text, start, at),
    column: before + (lineStart === 0 ? (place.column ?? 1) : 1),
    text: shownText(text, mode, start, place.end),
  }
}

/** The error for a malformed row under policy `fail`, or for a file that cannot be read at all. */
export function malformedError(name: string, row: MalformedRow, hint = ''): TidemarkError {
  return new TidemarkError('ERR_INPUT_MALFORMED', `${name}:${row.line}:${row.column}: ${row.error}${hint}`, {
    details: { file: name, line: row.line, column: row.column },
  })
}
