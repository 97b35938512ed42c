/** Unsigned, lexicographic order of a[aStart, aEnd) and b[bStart, bEnd): negative, 0 or positive. */
export function compareBytes(
  a: Uint8Array,
  aStart: number,
  aEnd: number,
  b: Uint8Array,
  bStart: number,
  bEnd: number,
): number {
  const aLength = aEnd - aStart
  const bLength = bEnd - bStart
  const length = aLength < bLength ? aLength : bLength
  for (let i = 0; i < length; i++) {
    const difference = (a[aStart + i] as number) - (b[bStart + i] as number)
    if (difference !== 0) return difference
  }
  return aLength - bLength
}

/** How many bytes the two slices have in common at their start. */
export function sharedBytes(
  a: Uint8Array,
  aStart: number,
  aEnd: number,
  b: Uint8Array,
  bStart: number,
  bEnd: number,
): number {
  const length = Math.min(aEnd - aStart, bEnd - bStart)
  let i = 0
  while (i < length && a[aStart + i] === b[bStart + i]) i++
  return i
}

/** Reads an unsigned 32-bit integer, big endian. */
export function readUint32(bytes: Uint8Array, at: number): number {
  return (
    (((bytes[at] as number) << 24) |
      ((bytes[at + 1] as number) << 16) |
      ((bytes[at + 2] as number) << 8) |
      (bytes[at + 3] as number)) >>>
    0
  )
}

/** Copies source[start, end) to target[at, ...). A loop beats a view and a call for short slices. */
export function copyBytes(source: Uint8Array, start: number, end: number, target: Uint8Array, at: number): void {
  const length = end - start
  if (length > 32) {
    target.set(source.subarray(start, end), at)
    return
  }
  for (let i = 0; i < length; i++) target[at + i] = source[start + i] as number
}

/** The first four bytes of bytes[at, end) as an unsigned number, zeros after the end: in the order of the bytes. */
export function prefix32(bytes: Uint8Array, at: number, end: number): number {
  if (end - at >= 4) return readUint32(bytes, at)
  let prefix = 0
  for (let i = 0; i < 4; i++) prefix = prefix * 256 + (at + i < end ? (bytes[at + i] as number) : 0)
  return prefix
}
