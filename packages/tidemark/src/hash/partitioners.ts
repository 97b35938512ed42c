import { TidemarkError } from '../errors/error.ts'
import { crc32 } from './crc32.ts'
import { fnv1a } from './fnv1a.ts'
import { murmur2, partitionOf } from './murmur2.ts'

/** Chooses one of `partitions` for a key's bytes, by them alone. */
export type PartitionFunction = (key: Uint8Array, partitions: number) => number

/** Ways of clients to choose a key's partition, by their hash. */
export type PartitionerName = 'murmur2' | 'crc32' | 'fnv1a'

/**
 * How the keys of a stream came to their partitions: `murmur2` (the Java client's default, and ours), `crc32` (librdkafka's
 * `consistent` and `consistent_random`), `fnv1a` (sarama's), a function, or `unknown`: in no way that can be relied on.
 */
export type Partitioner = PartitionerName | 'unknown' | PartitionFunction

/** The partition of the key bytes[start, end). */
export type Place = (bytes: Uint8Array, start: number, end: number, partitions: number) => number

export const PARTITIONER_NAMES: readonly PartitionerName[] = ['murmur2', 'crc32', 'fnv1a']

/** By the clients' documentation; each is tested against what such a client does. */
const PLACES: Readonly<Record<PartitionerName, Place>> = {
  murmur2: (bytes, start, end, partitions) => partitionOf(murmur2(bytes, start, end), partitions),
  crc32: (bytes, start, end, partitions) => crc32(bytes, start, end) % partitions,
  // The hash as a signed number, and the absolute value of its remainder.
  fnv1a: (bytes, start, end, partitions) => Math.abs(fnv1a(bytes, start, end) % partitions),
}

/** What a partitioner does, made once for a stream. Of one that is unknown: where we put a key ourselves. */
export function placeBy(partitioner: Partitioner, stream: string): Place {
  if (typeof partitioner === 'function') return placeByFunction(partitioner, stream)
  return PLACES[partitioner === 'unknown' ? 'murmur2' : partitioner]
}

/** True if a client with this partitioner puts an empty key anywhere, as one of null: librdkafka does. */
export function isAnywhere(partitioner: Partitioner, keyBytes: number): boolean {
  return keyBytes === 0 && partitioner === 'crc32'
}

function placeByFunction(choose: PartitionFunction, stream: string): Place {
  return (bytes, start, end, partitions) => {
    const partition = choose(bytes.subarray(start, end), partitions)
    if (Number.isInteger(partition) && partition >= 0 && partition < partitions) return partition
    throw new TidemarkError(
      'ERR_OPTION',
      `stream ${stream}: its partitioner gave ${String(partition)}, which is not one of ${partitions} partitions`,
      { details: { stream } },
    )
  }
}
