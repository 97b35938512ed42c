import type { Disk } from '../disk/disk.ts'
import { readRetained, retainedIds } from '../lsm/retained.ts'
import type { Manifest } from '../lsm/manifest.ts'
import { checkpointNameMs } from './checkpoint-name.ts'
import { type FrameKind, readFramed, writeFramed } from './framed-file.ts'
import { keepingDirectories } from './kept-state.ts'
import type { CheckpointRecord } from './record.ts'

/** Why a checkpoint is retained: by the job's policy, because a user asked, or while a savepoint is written from it. */
export type RetainedKind = 'policy' | 'manual' | 'savepoint'

/** A checkpoint of the whole job that a task's retained checkpoint is a part of. */
export interface RetainedName {
  readonly checkpoint: string
  readonly kind: RetainedKind
}

/** What stands beside the files of a retained checkpoint of one task. */
export interface RetainedRecord {
  /** At least one; it stays retained as long as one of them does. */
  readonly names: readonly RetainedName[]
  /** The task's commit whose state and positions these are. */
  readonly id: number
  /** When it was retained, ms since 1970. */
  readonly atMs: number
  /** Positions, marks and clock of the same freeze (C2). */
  readonly record: CheckpointRecord
}

/** A retained checkpoint of one task: complete, that is with files and record. */
export interface RetainedCheckpoint extends RetainedRecord {
  readonly manifest: Manifest
  /** Where its files are. */
  readonly directory: string
}

const KIND: FrameKind = { kind: 'retained', version: 1 }
const DIRECTORY = 'retained'

function recordName(id: number): string {
  return `${id}.record`
}

/** Written before the manifest is: a record without one means nothing. */
export function writeRetainedRecord(disk: Disk, directory: string, record: RetainedRecord): void {
  const folder = `${directory}/${DIRECTORY}`
  disk.makeDirectory(folder)
  writeFramed(disk, KIND, folder, recordName(record.id), record)
}

/** Removed after the manifest was. */
export function removeRetainedRecord(disk: Disk, directory: string, id: number): void {
  const path = `${directory}/${DIRECTORY}/${recordName(id)}`
  if (disk.exists(path)) disk.remove(path)
}

/** Ids of the records in a state directory, whether their manifest is there or not. */
export function recordIds(disk: Disk, directory: string): number[] {
  const names = disk.list(`${directory}/${DIRECTORY}`).filter((name) => /^\d{1,16}\.record$/.test(name))
  return names.map((name) => Number.parseInt(name, 10)).sort((a, b) => a - b)
}

/** Null when there is none. Throws ERR_CHECKPOINT_CORRUPT, ERR_FORMAT_NEWER. */
export function readRetainedRecord(disk: Disk, directory: string, id: number): RetainedRecord | null {
  return readFramed(disk, KIND, `${directory}/${DIRECTORY}/${recordName(id)}`) as RetainedRecord | null
}

/**
 * The retained checkpoints of a task's state directory, oldest first. For a reader beside the owner: one that the owner
 * gives up meanwhile is left out. Throws ERR_CHECKPOINT_CORRUPT, ERR_STATE_CORRUPT, ERR_FORMAT_NEWER.
 */
export function listRetained(disk: Disk, directory: string): RetainedCheckpoint[] {
  const found: RetainedCheckpoint[] = []
  for (const place of keepingDirectories(directory)) {
    for (const id of retainedIds(disk, place)) {
      const record = readRetainedRecord(disk, place, id)
      if (record === null || !disk.exists(`${place}/${DIRECTORY}/${id}`)) continue
      found.push({ ...record, manifest: readRetained(disk, place, id), directory: place })
    }
  }
  return found.sort((a, b) => a.id - b.id)
}

/**
 * Commits and bytes of changes of `record` since `before`, an older one of the same task, or since the task's first commit
 * when there is none: whatever was retained between and is given up by now, and whenever the job was started again.
 */
export function changesSince(
  { id, record }: Pick<RetainedRecord, 'id' | 'record'>,
  before: Pick<RetainedRecord, 'id' | 'record'> | undefined,
): { readonly commits: number; readonly changedBytes: number } {
  const changedBytes = (record.changedBytes ?? 0) - (before?.record.changedBytes ?? 0)
  return { commits: id - (before?.id ?? 0), changedBytes }
}

/** The moments that the names of a retained checkpoint stand for, ms since 1970. */
export function momentsOf({ names, atMs }: RetainedRecord): number[] {
  return names.map(({ checkpoint }) => checkpointNameMs(checkpoint) ?? atMs)
}
