import { TidemarkError, toWireError } from '../../errors/error.ts'
import {
  batchSizeBytes,
  HEADER_BYTES,
  lastOffsetDelta,
  MAGIC,
  magic,
  maxTimestamp,
  recordCount,
  setBaseOffset,
} from '../batch-header.ts'
import type { Append, CommitResult, Transaction } from '../types.ts'
import type { LogState, PartitionState } from './log-state.ts'
import type { AppendWithBytes, TransactionRecord } from './records.ts'

/** More than this in one transaction would not fit an entry of the journal. */
export const TRANSACTION_MAX_BYTES: number = 1024 * 1024 * 1024

export interface PlannedAppend extends AppendWithBytes {
  readonly target: PartitionState
}

export interface GroupPlan {
  /** What is to be written, in order. */
  readonly accepted: readonly TransactionRecord<PlannedAppend>[]
  /** By place in the group: the result if it is known already, null for the accepted ones. */
  readonly results: (CommitResult | null)[]
  readonly sizeBytes: number
}

/** Where a partition's next append goes. */
interface Tip {
  end: number
  segmentBase: number
  sizeBytes: number
}

interface Measured {
  readonly append: Append
  readonly target: PartitionState
  readonly records: number
  readonly maxTimestampMs: number
}

/**
 * Decides what a group of transactions does to the state, without changing it: who is fenced, which offsets the batches
 * get (written into their bytes), which segment and position. A transaction that cannot be taken fails alone.
 */
export function planGroup(state: LogState, group: readonly Transaction[], segmentMaxBytes: number): GroupPlan {
  const tips = new Map<PartitionState, Tip>()
  const ids = new Map<string, number>()
  const accepted: TransactionRecord<PlannedAppend>[] = []
  const results: (CommitResult | null)[] = []
  let groupBytes = 0
  for (const transaction of group) {
    const { producer, epoch, id, checkpoint, delta } = transaction
    const known = state.producers.get(producer)
    if (known === undefined || epoch !== known.epoch || id !== (ids.get(producer) ?? known.id) + 1) {
      results.push({ producer, id, outcome: 'fenced', error: null })
      continue
    }
    try {
      const sizeBytes = measureSize(transaction)
      const measured = transaction.appends.flatMap((append) => measure(state, append))
      const appends = measured.map((each) => place(each, tips, segmentMaxBytes))
      accepted.push({ producer, epoch, id, checkpoint, delta, appends })
      results.push(null)
      ids.set(producer, id)
      groupBytes += sizeBytes
    } catch (error) {
      results.push({ producer, id, outcome: 'failed', error: toWireError(error) })
    }
  }
  return { accepted, results, sizeBytes: groupBytes }
}

function measureSize(transaction: Transaction): number {
  let sizeBytes = 1024 + transaction.checkpoint.length + (transaction.delta?.length ?? 0)
  for (const append of transaction.appends) sizeBytes += append.bytes.length + 64
  if (sizeBytes > TRANSACTION_MAX_BYTES) {
    throw new TidemarkError(
      'ERR_TRANSACTION_TOO_LARGE',
      `commit ${transaction.id} of "${transaction.producer}" has ${sizeBytes} bytes; at most ${TRANSACTION_MAX_BYTES} ` +
        'can be committed at once. Commit more often, or lower output.maxBytes.',
    )
  }
  return sizeBytes
}

/** Counts the records of an append; nothing for an empty one. Throws ERR_UNKNOWN_STREAM, ERR_BATCH_CORRUPT. */
function measure(state: LogState, append: Append): Measured[] {
  const target = state.partition(append.stream, append.partition)
  if (target === undefined) {
    throw new TidemarkError(
      'ERR_UNKNOWN_STREAM',
      `there is no partition ${append.partition} of stream number ${append.stream}: create the stream first.`,
    )
  }
  const { bytes } = append
  let records = 0
  let maxTimestampMs = -1
  let at = 0
  while (at < bytes.length) {
    const size = at + HEADER_BYTES <= bytes.length ? batchSizeBytes(bytes, at) : 0
    const count = size < HEADER_BYTES ? 0 : lastOffsetDelta(bytes, at) + 1
    if (count < 1 || at + size > bytes.length || magic(bytes, at) !== MAGIC || recordCount(bytes, at) !== count) {
      throw new TidemarkError(
        'ERR_BATCH_CORRUPT',
        `what was to be appended to stream "${target.stream.name}", partition ${append.partition}, has no valid record ` +
          `batch at byte ${at} of ${bytes.length}.`,
        { details: { stream: target.stream.name, partition: append.partition, position: at } },
      )
    }
    records += count
    maxTimestampMs = Math.max(maxTimestampMs, maxTimestamp(bytes, at))
    at += size
  }
  return records === 0 ? [] : [{ append, target, records, maxTimestampMs }]
}

function place(measured: Measured, tips: Map<PartitionState, Tip>, segmentMaxBytes: number): PlannedAppend {
  const { target, records, maxTimestampMs } = measured
  const { stream, partition, bytes } = measured.append
  const tip = tips.get(target) ?? tipOf(target)
  tips.set(target, tip)
  if (tip.sizeBytes > 0 && tip.sizeBytes + bytes.length > segmentMaxBytes) {
    tip.segmentBase = tip.end
    tip.sizeBytes = 0
  }
  const base = tip.end
  const end = base + records
  const { segmentBase, sizeBytes: position } = tip
  setOffsets(bytes, base)
  tip.end = end
  tip.sizeBytes += bytes.length
  const sizeBytes = bytes.length
  return { target, stream, partition, base, end, segmentBase, position, sizeBytes, maxTimestampMs, bytes, start: 0 }
}

function tipOf(partition: PartitionState): Tip {
  const last = partition.segments.at(-1)
  return { end: partition.end, segmentBase: last?.base ?? partition.end, sizeBytes: last?.sizeBytes ?? 0 }
}

function setOffsets(bytes: Uint8Array, base: number): void {
  let offset = base
  for (let at = 0; at < bytes.length; at += batchSizeBytes(bytes, at)) {
    setBaseOffset(bytes, at, offset)
    offset += lastOffsetDelta(bytes, at) + 1
  }
}
