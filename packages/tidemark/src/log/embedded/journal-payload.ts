import { ByteReader } from '../../serde/byte-reader.ts'
import type { ByteWriter } from '../../serde/byte-writer.ts'
import type { StreamInfo } from '../types.ts'
import type {
  AppendWithBytes,
  ClaimRecord,
  PartitionSnapshot,
  ProducerSnapshot,
  ReclaimRecord,
  Segment,
  SnapshotRecord,
  StreamSnapshot,
  TransactionRecord,
  TrimRecord,
} from './records.ts'

export function writeTransaction(out: ByteWriter, transaction: TransactionRecord<AppendWithBytes>): void {
  out.text(transaction.producer)
  out.varuint(transaction.epoch)
  out.varuint(transaction.id)
  out.block(transaction.checkpoint)
  out.u8(transaction.delta === null ? 0 : 1)
  if (transaction.delta !== null) out.block(transaction.delta)
  out.varuint(transaction.appends.length)
  for (const append of transaction.appends) {
    out.varuint(append.stream)
    out.varuint(append.partition)
    out.varuint(append.base)
    out.varuint(append.end)
    out.varuint(append.segmentBase)
    out.varuint(append.position)
    out.f64(append.maxTimestampMs)
    out.varuint(append.sizeBytes)
    out.raw(append.bytes, append.start, append.start + append.sizeBytes)
  }
}

/** Reads a transaction; its arrays are views of `bytes`. */
export function readTransaction(bytes: Uint8Array, start: number, end: number): TransactionRecord<AppendWithBytes> {
  const input = new ByteReader(bytes, start, end)
  const producer = input.text()
  const epoch = input.varuint()
  const id = input.varuint()
  const checkpoint = input.block()
  const delta = input.u8() === 1 ? input.block() : null
  const count = input.varuint()
  const appends: AppendWithBytes[] = []
  for (let i = 0; i < count; i++) appends.push(readAppend(input))
  return { producer, epoch, id, checkpoint, delta, appends }
}

function readAppend(input: ByteReader): AppendWithBytes {
  const stream = input.varuint()
  const partition = input.varuint()
  const base = input.varuint()
  const end = input.varuint()
  const segmentBase = input.varuint()
  const position = input.varuint()
  const maxTimestampMs = input.f64()
  const block = input.block()
  const sizeBytes = block.length
  const start = input.position - sizeBytes
  return { stream, partition, base, end, segmentBase, position, maxTimestampMs, sizeBytes, bytes: input.bytes, start }
}

export function writeClaim(out: ByteWriter, claim: ClaimRecord): void {
  out.text(claim.producer)
  out.varuint(claim.epoch)
  out.text(claim.meta)
}

export function readClaim(bytes: Uint8Array, start: number, end: number): ClaimRecord {
  const input = new ByteReader(bytes, start, end)
  return { producer: input.text(), epoch: input.varuint(), meta: input.text() }
}

export function writeStream(out: ByteWriter, info: StreamInfo): void {
  out.text(JSON.stringify(info))
}

export function readStream(bytes: Uint8Array, start: number, end: number): StreamInfo {
  return JSON.parse(new ByteReader(bytes, start, end).text()) as StreamInfo
}

export function writeTrim(out: ByteWriter, trim: TrimRecord): void {
  out.varuint(trim.stream)
  out.varuint(trim.partition)
  out.varuint(trim.start)
}

export function readTrim(bytes: Uint8Array, start: number, end: number): TrimRecord {
  const input = new ByteReader(bytes, start, end)
  return { stream: input.varuint(), partition: input.varuint(), start: input.varuint() }
}

export function writeReclaim(out: ByteWriter, reclaim: ReclaimRecord): void {
  out.varuint(reclaim.firstJournal)
  out.varuint(reclaim.flushed.length)
  for (const { producer, flushedId } of reclaim.flushed) {
    out.text(producer)
    out.varuint(flushedId)
  }
}

export function readReclaim(bytes: Uint8Array, start: number, end: number): ReclaimRecord {
  const input = new ByteReader(bytes, start, end)
  const firstJournal = input.varuint()
  const flushed = times(input, () => ({ producer: input.text(), flushedId: input.varuint() }))
  return { firstJournal, flushed }
}

export function writeSnapshot(out: ByteWriter, snapshot: SnapshotRecord): void {
  out.varuint(snapshot.firstJournal)
  out.varuint(snapshot.streams.length)
  for (const { info, partitions } of snapshot.streams) {
    writeStream(out, info)
    for (const partition of partitions) writePartition(out, partition)
  }
  out.varuint(snapshot.producers.length)
  for (const producer of snapshot.producers) {
    out.text(producer.producer)
    out.varuint(producer.epoch)
    out.varuint(producer.id)
    out.block(producer.checkpoint)
    out.text(producer.meta)
    out.varuint(producer.flushedId)
    out.varuint(producer.deltaId)
  }
}

function writePartition(out: ByteWriter, partition: PartitionSnapshot): void {
  out.varuint(partition.start)
  out.varuint(partition.end)
  out.varuint(partition.segments.length)
  for (const segment of partition.segments) {
    out.varuint(segment.base)
    out.varuint(segment.end)
    out.varuint(segment.sizeBytes)
    out.f64(segment.maxTimestampMs)
  }
}

export function readSnapshot(bytes: Uint8Array, start: number, end: number): SnapshotRecord {
  const input = new ByteReader(bytes, start, end)
  const firstJournal = input.varuint()
  const streams = times(input, () => readStreamSnapshot(input))
  const producers = times(input, () => readProducer(input))
  return { firstJournal, streams, producers }
}

function readStreamSnapshot(input: ByteReader): StreamSnapshot {
  const info = JSON.parse(input.text()) as StreamInfo
  const partitions: PartitionSnapshot[] = []
  for (let i = 0; i < info.partitions; i++) {
    const start = input.varuint()
    const end = input.varuint()
    partitions.push({ start, end, segments: times(input, () => readSegment(input)) })
  }
  return { info, partitions }
}

function readSegment(input: ByteReader): Segment {
  return { base: input.varuint(), end: input.varuint(), sizeBytes: input.varuint(), maxTimestampMs: input.f64() }
}

function readProducer(input: ByteReader): ProducerSnapshot {
  return {
    producer: input.text(),
    epoch: input.varuint(),
    id: input.varuint(),
    checkpoint: input.block().slice(),
    meta: input.text(),
    flushedId: input.varuint(),
    deltaId: input.varuint(),
  }
}

function times<T>(input: ByteReader, read: () => T): T[] {
  const count = input.varuint()
  const items: T[] = []
  for (let i = 0; i < count; i++) items.push(read())
  return items
}
