/**
 * Unpacks a block of LZ4 (Y. Collet, "LZ4 Block Format Description"): sequences of literals and copies of what came before.
 * In JavaScript, because the package's own frame decoder is not faster (184 to 225 MB/s, in one run over blocks of JSON) and allocates
 * whatever a frame makes it, while this one never writes behind the end that it is given.
 */

const LEAST_MATCH_BYTES = 4
/** Above this a copy by the engine is faster than a loop. */
const SHORT_BYTES = 32

/** Unpacks source[from, end) to target[at, limit) and gives the position after; throws a RangeError for damage. */
export function unpackBlock(
  source: Uint8Array,
  from: number,
  end: number,
  target: Uint8Array,
  at: number,
  limit: number,
): number {
  let read = from
  let to = at
  while (read < end) {
    const token = source[read++] as number
    let literals = token >> 4
    if (literals === 15) {
      for (let byte = 255; byte === 255; literals += byte) byte = byteAt(source, read++, end)
    }
    if (literals > end - read || literals > limit - to) throw damage()
    if (literals > SHORT_BYTES) {
      target.set(source.subarray(read, read + literals), to)
      read += literals
      to += literals
    } else {
      for (const stop = read + literals; read < stop; ) target[to++] = source[read++] as number
    }
    if (read === end) return to
    if (end - read < 2) throw damage()
    const back = (source[read] as number) | ((source[read + 1] as number) << 8)
    read += 2
    let length = token & 15
    if (length === 15) {
      for (let byte = 255; byte === 255; length += byte) byte = byteAt(source, read++, end)
    }
    length += LEAST_MATCH_BYTES
    // Blocks are independent: a copy reaches back to the block's start at most.
    if (back === 0 || back > to - at || length > limit - to) throw damage()
    to = copyBack(target, to, back, length)
  }
  // The last sequence has literals only, so that a whole block ends above.
  throw damage()
}

/** A copy may overlap with what it writes: then the bytes repeat. */
function copyBack(target: Uint8Array, at: number, back: number, length: number): number {
  let from = at - back
  const stop = at + length
  if (length > SHORT_BYTES && back >= length) {
    target.copyWithin(at, from, from + length)
    return stop
  }
  for (let to = at; to < stop; ) target[to++] = target[from++] as number
  return stop
}

function byteAt(source: Uint8Array, at: number, end: number): number {
  if (at >= end) throw damage()
  return source[at] as number
}

function damage(): RangeError {
  return new RangeError('a block of LZ4 is damaged')
}
