const SEED = 0x9747b28c
const M = 0x5bd1e995

/**
 * MurmurHash2, 32 bits, with the seed of Kafka's Java client (org.apache.kafka.common.utils.Utils.murmur2), of
 * bytes[start, end). Returns a signed 32-bit integer.
 */
export function murmur2(bytes: Uint8Array, start = 0, end: number = bytes.length): number {
  const length = end - start
  let h = SEED ^ length
  let at = start
  const last = start + (length & ~3)
  while (at < last) {
    let k =
      (bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24)
    k = Math.imul(k, M)
    k = Math.imul(k ^ (k >>> 24), M)
    h = Math.imul(h, M) ^ k
    at += 4
  }
  const tail = length & 3
  if (tail > 0) {
    if (tail === 3) h ^= (bytes[at + 2] as number) << 16
    if (tail >= 2) h ^= (bytes[at + 1] as number) << 8
    h = Math.imul(h ^ (bytes[at] as number), M)
  }
  h = Math.imul(h ^ (h >>> 13), M)
  return h ^ (h >>> 15)
}

/** The partition that Kafka's default partitioner gives a key with this murmur2 hash. */
export function partitionOf(hash: number, partitions: number): number {
  return (hash & 0x7fffffff) % partitions
}
