const OFFSET_BASIS = 0x811c9dc5
const PRIME = 0x01000193

/** FNV-1a, 32 bits (G. Fowler, L. C. Noll, K.-P. Vo), of bytes[start, end). Returns a signed 32-bit integer. */
export function fnv1a(bytes: Uint8Array, start = 0, end: number = bytes.length): number {
  let hash = OFFSET_BASIS | 0
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ (bytes[i] as number), PRIME)
  return hash
}
