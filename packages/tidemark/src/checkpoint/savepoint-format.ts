import { TidemarkError } from '../errors/error.ts'
import type { StreamSpec } from '../log/types.ts'
import type { StoreDescriptor } from '../store/types.ts'
import type { ObjectStore } from './object-store.ts'
import { decodeFramed, encodeFramed, type FrameKind } from './framed-file.ts'
import { type KeyedPartitions, plannedStream } from './lineage.ts'
import type { CheckpointRecord } from './record.ts'

/** The blob that makes a savepoint complete: written last. */
export const SAVEPOINT_NAME = 'savepoint'
/** The blob with a task's manifest, beside its sorted files: the same format as in a state directory. */
export const TASK_MANIFEST = 'MANIFEST'

const KIND: FrameKind = { kind: 'savepoint', version: 1 }

/** A consistent cut over all tasks of a job, self-contained. */
export interface Savepoint {
  readonly id: string
  readonly job: string
  readonly atMs: number
  readonly planHash: string
  /** The history that it is a moment of, and the data directory of that. */
  readonly lineage: SavepointLineage
  /** Stores that the job declared, operators' own ones (names with `$`) left out. */
  readonly stores: readonly StoreDescriptor[]
  readonly tasks: readonly SavepointTask[]
  /** The job's streams as they were: intermediate ones hold nothing that is not processed. */
  readonly streams: readonly SavepointStream[]
  /** How far outside sources were read: all that they had given by then is processed. */
  readonly sources: readonly SavepointSource[]
  /** Of one that was made of another with another number of tasks. */
  readonly rescaled?: RescaledFrom
}

export interface SavepointLineage {
  readonly id: string
  readonly number: number
  readonly dataId: string
  /** As Lineage has it. */
  readonly keyed?: KeyedPartitions | undefined
}

export interface RescaledFrom {
  /** The savepoint that it was made of, and how many tasks that had. */
  readonly savepoint: string
  readonly tasks: number
  /** By source stream, for each partition that it has where the job ran: the offset of the cut. */
  readonly cut: Readonly<Record<string, readonly number[]>>
}

export interface SavepointTask {
  readonly task: number
  /** The commit at the cut; 0 for a task that had none. */
  readonly checkpointId: number
  /** Positions, marks and clock. Intermediate streams by the plan's names. */
  readonly record: CheckpointRecord
  readonly files: readonly SavepointFile[]
}

/** A sorted file, below the task's prefix. */
export interface SavepointFile {
  readonly name: string
  readonly sizeBytes: number
  /** CRC-32C of the file's metadata, which holds that of each of its blocks. */
  readonly checksum: number
}

export interface SavepointStream extends Pick<StreamSpec, 'kind' | 'meta' | 'name' | 'partitions'> {
  readonly retentionMs: number | null
  readonly retentionBytes: number | null
}

export interface SavepointSource {
  /** Its producer in the log. */
  readonly producer: string
  readonly meta: string
  /** The position as the source wrote it. */
  readonly position: string
}

/** Prefix of a task's blobs. */
export function taskPrefix(task: number): string {
  return `tasks/${task}/`
}

export function encodeSavepoint(savepoint: Savepoint): Uint8Array {
  return encodeFramed(KIND, savepoint)
}

/**
 * Reads a savepoint's description. ERR_SAVEPOINT_NOT_FOUND: there is none, or it was not completed.
 * ERR_CHECKPOINT_CORRUPT, ERR_FORMAT_NEWER.
 */
export async function readSavepoint(blobs: ObjectStore): Promise<Savepoint> {
  const bytes = await blobs.get(SAVEPOINT_NAME)
  if (bytes === null) {
    throw new TidemarkError(
      'ERR_SAVEPOINT_NOT_FOUND',
      `${blobs.where} holds no complete savepoint. Check the path; a savepoint that was cut off has to be taken again.`,
      { details: { directory: blobs.where } },
    )
  }
  return decodeFramed(KIND, bytes, `${blobs.where}/${SAVEPOINT_NAME}`) as Savepoint
}

/** A record with intermediate streams under the plan's names, whatever lineage it is from. */
export function withPlannedStreams(record: CheckpointRecord): CheckpointRecord {
  return { ...record, inputs: renamed(record.inputs, plannedStream), sent: renamed(record.sent, plannedStream) }
}

export function renamed<T>(
  byStream: Readonly<Record<string, T>>,
  rename: (name: string) => string,
): Readonly<Record<string, T>> {
  return Object.fromEntries(Object.entries(byStream).map(([name, value]) => [rename(name), value]))
}
