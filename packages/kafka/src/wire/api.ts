import type { WireReader } from './wire-reader.ts'
import type { WireWriter } from './wire-writer.ts'

/** What a broker says when nothing is wrong. */
export const NO_ERROR = 0

/**
 * One kind of request of Kafka's public protocol, in the versions that we speak: `minVersion` to `version`, all of them
 * "flexible" (request header 2, response header 1). `write` and `read` are without the headers.
 */
export interface Api<Q, R> {
  readonly name: string
  readonly key: number
  readonly minVersion: number
  /** The highest version that we speak. */
  readonly version: number
  /** True for ApiVersions, whose answer has the old header: a client that asks does not know yet what the broker speaks. */
  readonly plainAnswerHeader?: boolean
  write(writer: WireWriter, q: Q, version: number): void
  read(reader: WireReader, version: number): R
}

/** A partition by its topic's name. */
export interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

/** Partitions of one topic, as requests group them. */
export interface TopicPartitions<P> {
  readonly topic: string
  readonly partitions: readonly P[]
}

/** What a broker answered for one partition. */
export interface PartitionError {
  readonly partition: number
  readonly error: number
}

/** What a broker answered for one named thing; `message` is the broker's own, if it gave one. */
export interface NamedError {
  readonly name: string
  readonly error: number
  readonly message: string | null
}

/** Topics with partitions, each read by `each` and ended by its tagged fields. */
export function readTopics<P>(reader: WireReader, each: (reader: WireReader) => P): TopicPartitions<P>[] {
  return reader.array((r) => {
    const topic = r.string()
    const partitions = r.array((p) => {
      const read = each(p)
      p.tags()
      return read
    })
    r.tags()
    return { topic, partitions }
  })
}

/** The counterpart of `readTopics`. */
export function writeTopics<P>(
  writer: WireWriter,
  topics: readonly TopicPartitions<P>[] | null,
  each: (writer: WireWriter, partition: P) => void,
): void {
  writer.array(topics, (w, { topic, partitions }) => {
    w.string(topic).array(partitions, (pw, partition) => {
      each(pw, partition)
      pw.tags()
    })
    w.tags()
  })
}

export function readPartitionError(reader: WireReader): PartitionError {
  return { partition: reader.int32(), error: reader.int16() }
}
