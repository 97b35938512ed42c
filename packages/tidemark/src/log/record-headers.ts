/** One header of a record; a null value differs from an empty one. */
export interface RawHeader {
  readonly name: Uint8Array
  readonly value: Uint8Array | null
}

/**
 * The `count` headers of a record in bytes[start, end), as views. Null if they are malformed or do not end exactly at
 * `end`.
 */
export function readHeaders(bytes: Uint8Array, start: number, end: number, count: number): RawHeader[] | null {
  const list: RawHeader[] = []
  const place = { at: start }
  for (let i = 0; i < count; i++) {
    const name = readBlock(bytes, place, end)
    if (name === undefined || name === null) return null
    const value = readBlock(bytes, place, end)
    if (value === undefined) return null
    list.push({ name, value })
  }
  return place.at === end ? list : null
}

/** A block of bytes behind its length; null for length -1, undefined if it is malformed. */
function readBlock(bytes: Uint8Array, place: { at: number }, end: number): Uint8Array | null | undefined {
  let raw = 0
  for (let scale = 1; ; scale *= 128) {
    if (place.at >= end || scale > 0x10000000) return undefined
    const byte = bytes[place.at++] as number
    raw += (byte & 127) * scale
    if (byte < 128) break
  }
  if (raw === 1) return null
  const stop = place.at + raw / 2
  if (raw % 2 !== 0 || stop > end) return undefined
  const block = bytes.subarray(place.at, stop)
  place.at = stop
  return block
}
