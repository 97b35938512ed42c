import { batchHeader, ByteReader, crc32c, RecordCursor } from 'tidemark/system'
import { registerKafkaCodecs } from '../../packages/kafka/src/codecs/register.ts'
import { readTopic } from '../../packages/kafka/src/tools/read-topic.ts'
import { connect, untilStable } from '../../packages/kafka/test/fetch/support.ts'
import type { BenchJob } from './cases.ts'

/** What is in an output topic, so that those of two sides can be compared. */
export interface Outputs {
  /** Keys of `count`, records of the other jobs. */
  readonly records: number
  /** Of all counts of `count`, each key's last one; 0 for the other jobs. */
  readonly counted: number
  /** Of each partition: the same for the same outputs. In `pass` their order counts too. */
  readonly digests: readonly number[]
}

export type Side = 'peer' | 'own'

const text = new TextDecoder()
const HOUR_MS = 3_600_000
/** When the timestamps of the input end: see Generate.java. */
const INPUT_END_MS: number = 1_700_000_000_000 + 86_400_000
/** Hours that begin here or later are not compared. */
const LAST_HOUR_MS: number = (Math.floor(INPUT_END_MS / HOUR_MS) - 1) * HOUR_MS

/** Committed outputs of a run that is over. */
export async function readOutputs(brokers: string, topic: string, job: BenchJob, side: Side): Promise<Outputs> {
  registerKafkaCodecs()
  const cluster = await connect(brokers)
  try {
    const [metadata] = await cluster.metadata([topic], true)
    const digests: number[] = []
    let records = 0
    let counted = 0
    for (const { partition } of metadata?.partitions ?? []) {
      await untilStable(cluster, topic, partition)
      const digest = new PartitionDigest(job, side)
      const cursor = new RecordCursor()
      for await (const { bytes } of readTopic(cluster, topic, { partition })) {
        cursor.reset(bytes)
        while (cursor.nextBatch()) while (cursor.next()) digest.add(cursor)
      }
      digests[partition] = digest.end()
      records += digest.records
      counted += digest.counted
    }
    return { records, counted, digests }
  } finally {
    cluster.close()
  }
}

/** What differs between the outputs of two sides; null if nothing does. */
export function difference(peer: Outputs, own: Outputs): string | null {
  if (peer.records !== own.records) return `Kafka Streams has ${peer.records} results, Tidemark ${own.records}`
  if (peer.counted !== own.counted) return `Kafka Streams has counted ${peer.counted} records, Tidemark ${own.counted}`
  const at = peer.digests.findIndex((each, i) => each !== own.digests[i])
  return at < 0 ? null : `partition ${at} of the outputs has other results`
}

class PartitionDigest {
  readonly #job: BenchJob
  readonly #side: Side
  readonly #last = new Map<string, number>()
  #digest = 0
  records = 0
  counted = 0

  constructor(job: BenchJob, side: Side) {
    this.#job = job
    this.#side = side
  }

  add({ bytes, keyStart, keyEnd, valueStart, valueEnd }: RecordCursor): void {
    if (this.#job === 'count') {
      // Longs of Java are eight bytes, `uint` is a varuint.
      const peer = this.#side === 'peer'
      const count = peer
        ? batchHeader.readInt64(bytes, valueStart)
        : new ByteReader(bytes, valueStart, valueEnd).varuint()
      this.#last.set(text.decode(bytes.subarray(keyStart, keyEnd)), count)
      return
    }
    // A run that ends with its input closes the last hour; Kafka Streams leaves it open, and in one run of three left out
    // those before it in one partition.
    if (this.#job === 'hours' && hourOf(bytes, valueStart, valueEnd) >= LAST_HOUR_MS) return
    const record = Math.imul(crc32c(bytes, keyStart, keyEnd), 31) + crc32c(bytes, valueStart, valueEnd)
    const before = this.#job === 'pass' ? Math.imul(this.#digest, 31) : this.#digest
    this.#digest = (before + record) | 0
    this.records++
  }

  end(): number {
    for (const [key, count] of this.#last) {
      const bytes = Buffer.from(`${key}:${count}`)
      this.#digest = (this.#digest + crc32c(bytes, 0, bytes.length)) | 0
      this.counted += count
      this.records++
    }
    return this.#digest
  }
}

/** Results of `hours` are `<start of the hour>:<count>`. */
function hourOf(bytes: Uint8Array, start: number, end: number): number {
  return Number.parseInt(text.decode(bytes.subarray(start, end)), 10)
}
