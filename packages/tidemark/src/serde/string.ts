import { Buffer } from 'node:buffer'
import { TidemarkError } from '../errors/error.ts'
import type { ByteWriter } from './byte-writer.ts'
import { hexOf, showValue } from './hex.ts'
import type { Serde } from './serde.ts'

type Utf8Slice = (this: Uint8Array, start: number, end: number) => string

// Not in Node's documentation, but in every Node: takes any Uint8Array, without a view of it, at half of TextDecoder's time.
const utf8Slice = (Buffer.prototype as Buffer & { readonly utf8Slice: Utf8Slice }).utf8Slice
const fromCharCode = String.fromCharCode
const strict = new TextDecoder('utf-8', { fatal: true })
const REPLACEMENT = '\ufffd'
const SHORT = 12

/** Decodes UTF-8 bytes[start, end). Malformed bytes throw ERR_SERDE: replacing them would lose what they were. */
export function decodeUtf8(bytes: Uint8Array, start: number, end: number): string {
  if (end - start <= SHORT) {
    const text = decodeShortAscii(bytes, start, end)
    if (text !== null) return text
  }
  const text = utf8Slice.call(bytes, start, end)
  if (text.includes(REPLACEMENT)) assertUtf8(bytes, start, end)
  return text
}

// Up to 12 ASCII characters without leaving JavaScript, four at a time: a native call costs more than that.
function decodeShortAscii(bytes: Uint8Array, start: number, end: number): string | null {
  let at = start
  let text = ''
  while (at + 4 <= end) {
    const a = bytes[at] as number
    const b = bytes[at + 1] as number
    const c = bytes[at + 2] as number
    const d = bytes[at + 3] as number
    if ((a | b | c | d) > 127) return null
    text += fromCharCode(a, b, c, d)
    at += 4
  }
  while (at < end) {
    const a = bytes[at] as number
    if (a > 127) return null
    text += fromCharCode(a)
    at++
  }
  return text
}

function assertUtf8(bytes: Uint8Array, start: number, end: number): void {
  try {
    strict.decode(bytes.subarray(start, end))
  } catch (cause) {
    throw new TidemarkError('ERR_SERDE', `not valid UTF-8: ${hexOf(bytes, start, end)}`, { cause })
  }
}

function assertString(value: unknown): void {
  if (typeof value === 'string') return
  throw new TidemarkError('ERR_SERDE', `string() got ${showValue(value)}: pass a string, or declare another serde`)
}

function halfPair(value: string): TidemarkError {
  return new TidemarkError('ERR_SERDE', `string() got text with half a surrogate pair: ${showValue(value)}`)
}

const STRING: Serde<string> = Object.freeze({
  name: 'string',
  version: 1,
  discipline: 'immutable',
  ordered: true,
  write(value: string, out: ByteWriter): void {
    assertString(value)
    const start = out.position
    const written = out.string(value)
    // Only text beyond ASCII can hold half a surrogate pair, which UTF-8 cannot express.
    if (written !== value.length && !value.isWellFormed()) {
      out.position = start
      throw halfPair(value)
    }
  },
  check(value: string): void {
    assertString(value)
    if (!value.isWellFormed()) throw halfPair(value)
  },
  read: decodeUtf8,
})

/**
 * Text as UTF-8. Byte order is the order of code points. A string with half a surrogate pair, and bytes that are not
 * UTF-8, throw ERR_SERDE.
 */
export function string(): Serde<string> {
  return STRING
}
