import type { Clock } from 'tidemark/system'
import type { Cluster } from '../net/cluster.ts'
import type { TopicPartition } from '../wire/api.ts'
import { partitionOffsets } from './partition-offsets.ts'
import { readingPartition } from './partition-watch.ts'
import { type FoundCommit, readLastCommit } from './state-partition.ts'

/** The last commit record with a key, of those from an offset on, up to the last stable offset of now. */
export async function readLast(
  cluster: Cluster,
  clock: Clock,
  place: TopicPartition,
  key: Uint8Array,
  from: number | null,
): Promise<FoundCommit | null> {
  const [bounds] = await partitionOffsets(cluster, [place], (ms) => clock.sleep(ms))
  const { start = 0, end = 0 } = bounds ?? {}
  return readingPartition(cluster, place, (source) => {
    return readLastCommit(`${place.topic}, partition ${place.partition}`, source, { from: from ?? start, end }, key)
  })
}
