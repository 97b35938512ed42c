import type { AbortedTransaction } from 'tidemark/system'
import type { Api } from './api.ts'
import type { WireReader } from './wire-reader.ts'

export interface FetchPartition {
  readonly partition: number
  readonly leaderEpoch: number
  readonly offset: number
  /** Leader epoch of the last batch that was read, -1 if none: the broker then tells whether that batch still exists. */
  readonly lastFetchedEpoch: number
  readonly maxBytes: number
}

export interface FetchTopic {
  readonly id: string
  readonly partitions: readonly FetchPartition[]
}

export interface ForgottenTopic {
  readonly id: string
  readonly partitions: readonly number[]
}

export interface FetchRequest {
  readonly maxWaitMs: number
  readonly minBytes: number
  readonly maxBytes: number
  readonly readCommitted: boolean
  /** Session 0 with epoch 0 asks for a new session; epoch -1 ends it (KIP-227). */
  readonly sessionId: number
  readonly sessionEpoch: number
  readonly topics: readonly FetchTopic[]
  readonly forgotten: readonly ForgottenTopic[]
}

export interface FetchedPartition {
  readonly topicId: string
  readonly partition: number
  readonly error: number
  readonly highWatermark: number
  readonly lastStableOffset: number
  readonly logStart: number
  readonly aborted: readonly AbortedTransaction[]
  /** Batches back to back, the last perhaps cut off: a view of the whole answer. */
  readonly records: Uint8Array
  /** Set if the log does not go on from `lastFetchedEpoch` where it was read: it was cut there. */
  readonly diverging: { readonly epoch: number; readonly endOffset: number } | null
}

export interface FetchResponse {
  readonly error: number
  readonly sessionId: number
  readonly partitions: readonly FetchedPartition[]
}

const NONE: readonly AbortedTransaction[] = []
const TAG_DIVERGING = 0

/** Version 13 (Kafka 3.1) names topics by id. From 15 on, what followers send of themselves is in tagged fields. */
export const fetchRecords: Api<FetchRequest, FetchResponse> = {
  name: 'Fetch',
  key: 1,
  minVersion: 13,
  version: 16,
  write(writer, q, version) {
    if (version < 15) writer.int32(-1)
    writer.int32(q.maxWaitMs).int32(q.minBytes).int32(q.maxBytes)
    writer
      .int8(q.readCommitted ? 1 : 0)
      .int32(q.sessionId)
      .int32(q.sessionEpoch)
    writer.array(q.topics, (w, topic) => {
      w.uuid(topic.id).array(topic.partitions, (pw, p) => {
        pw.int32(p.partition).int32(p.leaderEpoch).int64(p.offset).int32(p.lastFetchedEpoch)
        pw.int64(-1).int32(p.maxBytes).tags()
      })
      w.tags()
    })
    writer.array(q.forgotten, (w, topic) => w.uuid(topic.id).int32s(topic.partitions).tags())
    writer.string('').tags()
  },
  read(reader) {
    reader.int32()
    const error = reader.int16()
    const sessionId = reader.int32()
    const partitions: FetchedPartition[] = []
    reader.array((r) => {
      const topicId = r.uuid()
      r.array((p) => void partitions.push(readPartition(p, topicId)))
      r.tags()
    })
    reader.tags()
    return { error, sessionId, partitions }
  },
}

function readPartition(r: WireReader, topicId: string): FetchedPartition {
  const partition = r.int32()
  const error = r.int16()
  const highWatermark = r.int64()
  const lastStableOffset = r.int64()
  const logStart = r.int64()
  const aborted = r.array(readAborted)
  r.int32()
  const records = r.bytes()
  let diverging: FetchedPartition['diverging'] = null
  r.tags((tag, t) => {
    if (tag === TAG_DIVERGING) diverging = { epoch: t.int32(), endOffset: t.int64() }
  })
  return {
    topicId,
    partition,
    error,
    highWatermark,
    lastStableOffset,
    logStart,
    aborted: aborted.length === 0 ? NONE : aborted,
    records,
    diverging,
  }
}

function readAborted(r: WireReader): AbortedTransaction {
  const aborted = { producerId: r.int64(), firstOffset: r.int64() }
  r.tags()
  return aborted
}
