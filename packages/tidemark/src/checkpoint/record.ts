import { TidemarkError } from '../errors/error.ts'
import type { ClockReading } from '../store/task-clock.ts'
import type { ProducerMark } from './marks.ts'

/** Where one input of a task stands. */
export interface InputPosition {
  /** The next offset to process. */
  readonly position: number
  /** Largest event time seen, minus the stream's bound; null before the first message. */
  readonly watermarkMs: number | null
  /** Greatest time of a record so far, by which entries with a TTL go; null before the first message. */
  readonly newestMs?: number | null
  /** The end offset at which this input's end was last handled; null if never. */
  readonly endedAt: number | null
  /** The ends of the job's finite source streams as they were then; missing if it never was. */
  readonly endedFor?: string
  /** Intermediate inputs: the last mark of each producing task. */
  readonly marks: Readonly<Record<string, ProducerMark>>
}

/** What a checkpoint says beside state and outputs: all of it is of the same freeze (invariant C2). */
export interface CheckpointRecord {
  readonly version: 1
  readonly atMs: number
  /** The newest checkpoint that changed state (this one or an earlier one): restore knows by it that no delta is missing. */
  readonly lastDeltaId: number
  /** Bytes of all deltas since the first commit: what changed between two checkpoints. */
  readonly changedBytes?: number
  /** By stream name. */
  readonly inputs: Readonly<Record<string, InputPosition>>
  /** What time it was for entries with a TTL. */
  readonly clock?: ClockReading
  /** The last mark sent to each intermediate stream. */
  readonly sent: Readonly<Record<string, ProducerMark>>
}

/** The time of a checkpoint, by which its entries are read later on. */
export function clockOf({ clock, atMs }: CheckpointRecord): ClockReading {
  return clock ?? { processingMs: atMs, eventMs: null }
}

/** The latest time that a checkpoint tells of: a task that goes on from it lives in no earlier one. */
export function latestOf({ clock, atMs }: CheckpointRecord): number {
  return Math.max(atMs, clock?.processingMs ?? atMs)
}

const utf8 = new TextDecoder('utf-8', { fatal: true })
const encoder = new TextEncoder()

export function encodeCheckpoint(record: CheckpointRecord): Uint8Array {
  return encoder.encode(JSON.stringify(record))
}

/** Throws ERR_LOG_CORRUPT when the bytes are not a checkpoint record (the journal's checksum should have said so). */
export function decodeCheckpoint(bytes: Uint8Array, producer: string): CheckpointRecord {
  let record: CheckpointRecord
  try {
    record = JSON.parse(utf8.decode(bytes)) as CheckpointRecord
  } catch (cause) {
    throw new TidemarkError('ERR_LOG_CORRUPT', `the checkpoint record of ${producer} cannot be read`, { cause })
  }
  if (record.version !== 1) {
    throw new TidemarkError(
      'ERR_FORMAT_NEWER',
      `the checkpoint record of ${producer} has version ${String(record.version)}; this Tidemark reads version 1`,
    )
  }
  return record
}
