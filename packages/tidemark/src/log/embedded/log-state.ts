import { TidemarkError } from '../../errors/error.ts'
import type { ProducerState, StreamInfo } from '../types.ts'
import type {
  AppendRecord,
  ClaimRecord,
  ProducerSnapshot,
  ReclaimRecord,
  Segment,
  SnapshotRecord,
  TransactionRecord,
  TrimRecord,
} from './records.ts'

export interface PartitionState {
  readonly stream: StreamInfo
  readonly partition: number
  readonly slot: number
  start: number
  end: number
  /** In order; the last one grows. None before the first append, and after a trim of all of them. */
  readonly segments: Segment[]
}

export interface StreamState {
  readonly info: StreamInfo
  readonly partitions: readonly PartitionState[]
}

/** Where a delta is: inside the journal entry at `position` of file `journal`. */
export interface DeltaLocation {
  readonly id: number
  readonly journal: number
  readonly position: number
  readonly sizeBytes: number
}

export interface ProducerEntry {
  readonly producer: string
  epoch: number
  id: number
  checkpoint: Uint8Array
  meta: string
  flushedId: number
  deltaId: number
  /** Deltas up to this id were in journal files that are gone. */
  forgottenId: number
  /** In order of id. */
  deltas: DeltaLocation[]
}

/**
 * What the journal says, as plain data: recovery, the running log and views all build it with the same steps. A step that
 * does not fit what came before throws ERR_LOG_CORRUPT: such an entry was never written by this code.
 */
export class LogState {
  readonly streams: StreamState[] = []
  readonly byName: Map<string, StreamState> = new Map()
  readonly producers: Map<string, ProducerEntry> = new Map()
  firstJournal = 1
  slots = 0

  /** Takes the head of the first journal file that is read. All deltas before it are gone. */
  load(snapshot: SnapshotRecord): void {
    this.firstJournal = snapshot.firstJournal
    for (const { info, partitions } of snapshot.streams) {
      const stream = this.addStream(info)
      for (const [i, from] of partitions.entries()) {
        const partition = stream.partitions[i] as PartitionState
        partition.start = from.start
        partition.end = from.end
        partition.segments.push(...from.segments.map((segment) => ({ ...segment })))
      }
    }
    for (const from of snapshot.producers) {
      this.producers.set(from.producer, { ...from, forgottenId: from.deltaId, deltas: [] })
    }
  }

  /** Takes what a later head of a file knows beyond the entries: how far producers have flushed. */
  absorb(snapshot: SnapshotRecord): void {
    this.firstJournal = snapshot.firstJournal
    for (const { producer, flushedId } of snapshot.producers) this.setFlushed(producer, flushedId)
    for (const { info, partitions } of snapshot.streams) {
      for (const [i, from] of partitions.entries()) {
        const known = this.streams[info.id]?.partitions[i]
        expect(known?.end === from.end && known.start === from.start, `the head of a file disagrees on "${info.name}"`)
      }
    }
  }

  snapshot(): SnapshotRecord {
    const producers: ProducerSnapshot[] = [...this.producers.values()]
    return { firstJournal: this.firstJournal, streams: this.streams, producers }
  }

  addStream(info: StreamInfo): StreamState {
    expect(info.id === this.streams.length && info.slot === this.slots, `stream "${info.name}" is out of order`)
    const partitions: PartitionState[] = []
    for (let partition = 0; partition < info.partitions; partition++) {
      partitions.push({ stream: info, partition, slot: info.slot + partition, start: 0, end: 0, segments: [] })
    }
    const stream = { info, partitions }
    this.streams.push(stream)
    this.byName.set(info.name, stream)
    this.slots += info.partitions
    return stream
  }

  partition(stream: number, partition: number): PartitionState | undefined {
    return this.streams[stream]?.partitions[partition]
  }

  claim(claim: ClaimRecord): ProducerEntry {
    const known = this.producers.get(claim.producer)
    if (known !== undefined) {
      expect(claim.epoch === known.epoch + 1, `claim ${claim.epoch} of "${claim.producer}" follows ${known.epoch}`)
      known.epoch = claim.epoch
      known.meta = claim.meta
      return known
    }
    const made: ProducerEntry = {
      producer: claim.producer,
      epoch: claim.epoch,
      id: 0,
      checkpoint: new Uint8Array(0),
      meta: claim.meta,
      flushedId: 0,
      deltaId: 0,
      forgottenId: 0,
      deltas: [],
    }
    this.producers.set(claim.producer, made)
    return made
  }

  /** `at` tells where the transaction's entry is, for its delta. */
  commit(transaction: TransactionRecord, at: Omit<DeltaLocation, 'id'>): void {
    const producer = this.producers.get(transaction.producer)
    const fits = producer !== undefined && transaction.id === producer.id + 1 && transaction.epoch === producer.epoch
    expect(fits, `commit ${transaction.id} of "${transaction.producer}", epoch ${transaction.epoch}, is out of order`)
    producer.id = transaction.id
    // A copy, so that no buffer of a group or of a journal file is kept alive.
    producer.checkpoint = transaction.checkpoint.slice()
    if (transaction.delta !== null) {
      producer.deltaId = transaction.id
      producer.deltas.push({ id: transaction.id, ...at })
    }
    for (const append of transaction.appends) this.#append(append)
  }

  #append(append: AppendRecord): void {
    const partition = this.partition(append.stream, append.partition)
    expect(partition !== undefined, `stream ${append.stream} has no partition ${append.partition}`)
    expect(append.base === partition.end && append.end > append.base, `offset ${append.base} follows ${partition.end}`)
    let segment = partition.segments.at(-1)
    if (segment === undefined || append.segmentBase !== segment.base) {
      expect(append.segmentBase === append.base, `segment ${append.segmentBase} begins with offset ${append.base}`)
      segment = { base: append.base, end: append.base, sizeBytes: 0, maxTimestampMs: -1 }
      partition.segments.push(segment)
    }
    expect(append.position === segment.sizeBytes, `position ${append.position} follows ${segment.sizeBytes}`)
    segment.end = append.end
    segment.sizeBytes += append.sizeBytes
    segment.maxTimestampMs = Math.max(segment.maxTimestampMs, append.maxTimestampMs)
    partition.end = append.end
  }

  /** Drops the segments before the new start, which is where one begins or the end; returns them. */
  trim(trim: TrimRecord): Segment[] {
    const partition = this.partition(trim.stream, trim.partition)
    expect(partition !== undefined, `stream ${trim.stream} has no partition ${trim.partition}`)
    const kept = partition.segments.findIndex((segment) => segment.base >= trim.start)
    if (kept < 0) expect(trim.start === partition.end, `no segment begins at ${trim.start}`)
    else expect(partition.segments[kept]?.base === trim.start, `no segment begins at ${trim.start}`)
    partition.start = trim.start
    return kept < 0 ? partition.segments.splice(0) : partition.segments.splice(0, kept)
  }

  setFlushed(producer: string, id: number): void {
    const known = this.producers.get(producer)
    if (known === undefined || id <= known.flushedId) return
    known.flushedId = id
  }

  reclaim(reclaim: ReclaimRecord): void {
    this.firstJournal = reclaim.firstJournal
    for (const { producer, flushedId } of reclaim.flushed) this.setFlushed(producer, flushedId)
  }

  /** The journal files before `number` are gone, and their deltas with them. */
  forgetBefore(number: number): void {
    for (const producer of this.producers.values()) {
      const kept = producer.deltas.findIndex((delta) => delta.journal >= number)
      const dropped = kept < 0 ? producer.deltas.splice(0) : producer.deltas.splice(0, kept)
      const last = dropped.at(-1)
      if (last !== undefined) producer.forgottenId = Math.max(producer.forgottenId, last.id)
    }
  }
}

/** A ProducerState that stays as it is. */
export function producerState(entry: ProducerEntry): ProducerState {
  const { producer, epoch, id, checkpoint, meta, flushedId } = entry
  return { producer, epoch, id, checkpoint: checkpoint.slice(), meta, flushedId }
}

function expect(condition: boolean, what: string): asserts condition {
  if (condition) return
  throw new TidemarkError('ERR_LOG_CORRUPT', `the journal contradicts itself: ${what}. Restore the data from a copy.`)
}
