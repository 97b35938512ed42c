import type { ByteWriter } from 'tidemark/system'

/*
 * The wire format of Confluent's schema registry ("Wire format" of its documentation): a magic byte 0, the schema's id in four
 * bytes, big-endian, then the value. Of Protocol Buffers the place of the message in its file comes in between: the number
 * of indexes and the indexes, as zigzag varints, from the outermost message inwards; [0] is the one byte 0.
 */
const MAGIC = 0
/** Magic byte and id. */
export const HEAD_BYTES = 5

/** The id of a value's schema; -1 for bytes that are not framed. */
export function schemaId(bytes: Uint8Array, start: number, end: number): number {
  if (end - start < HEAD_BYTES || bytes[start] !== MAGIC) return -1
  const [a = 0, b = 0, c = 0, d = 0] = [bytes[start + 1], bytes[start + 2], bytes[start + 3], bytes[start + 4]]
  return (((a << 24) >>> 0) + (b << 16) + (c << 8) + d) | 0
}

export function writeHead(id: number, out: ByteWriter): void {
  out.u8(MAGIC)
  out.i32(id)
}

export function writeIndexes(indexes: readonly number[], out: ByteWriter): void {
  if (indexes.length === 1 && indexes[0] === 0) return out.u8(0)
  out.varint(indexes.length)
  for (const index of indexes) out.varint(index)
}

/** Most levels of messages in messages that are believed. */
const MOST_INDEXES = 100

/** The indexes at `start`, and where they end; null for what are none. */
export function readIndexes(
  bytes: Uint8Array,
  start: number,
  end: number,
): { readonly indexes: readonly number[]; readonly end: number } | null {
  const place = { at: start }
  const count = zigzag(bytes, place, end)
  if (count === 0) return { indexes: [0], end: place.at }
  if (count < 0 || count > MOST_INDEXES) return null
  const indexes: number[] = []
  for (let i = 0; i < count; i++) {
    const index = zigzag(bytes, place, end)
    if (index < 0) return null
    indexes.push(index)
  }
  return { indexes, end: place.at }
}

/** -1 for what is no such number, or a negative one. */
function zigzag(bytes: Uint8Array, place: { at: number }, end: number): number {
  let raw = 0
  for (let scale = 1; scale <= 0x10000000; scale *= 128) {
    if (place.at >= end) return -1
    const byte = bytes[place.at++] as number
    raw += (byte & 127) * scale
    if (byte < 128) return raw % 2 === 0 ? raw / 2 : -1
  }
  return -1
}
