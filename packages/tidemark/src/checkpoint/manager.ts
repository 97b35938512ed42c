import type { Disk } from '../disk/disk.ts'
import type { RetentionPolicy } from './retention.ts'

/** A file that a checkpoint refers to: written once, never changed, named by its writer's epoch. */
export interface CheckpointFile {
  readonly name: string
  /** The name that it gets in a restore's target (default `name`). */
  readonly as?: string
  readonly sizeBytes: number
  /** CRC-32 of the whole content (as in zlib), unsigned. */
  readonly checksum: number
}

/** A committed checkpoint of one task, as it is kept outside the task's own disk. */
export interface Checkpoint {
  readonly task: string
  /** The commit whose positions and state this is. */
  readonly id: number
  /** Epoch of the owner that wrote it. */
  readonly epoch: number
  /** When it was written, ms since 1970 by the writer's clock. */
  readonly atMs: number
  /** Asked for by a user, who alone may delete it. */
  readonly savepoint: boolean
  /** Everything that the state consists of, in the order that restore needs. */
  readonly files: readonly CheckpointFile[]
  /** Positions, marks, clock: opaque here. */
  readonly record: Uint8Array
}

/** What a writer gives to `createCheckpoint`. */
export interface CheckpointDraft {
  readonly id: number
  readonly savepoint?: boolean
  readonly files: readonly CheckpointFile[]
  readonly record: Uint8Array
}

/** What a writer believes to be so; if it is not, nothing is written. */
export interface Expected {
  readonly epoch: number
  /** Id of the newest checkpoint, 0 before the first. */
  readonly previousId: number
}

/** Ownership of a task: from now on only `epoch` may write, until somebody claims again. */
export interface Claim {
  readonly task: string
  readonly epoch: number
  /** The newest checkpoint, to resume from; null before the first. */
  readonly newest: Checkpoint | null
}

/** Where `restore` puts a checkpoint's files: a directory without directories in it, otherwise unused. */
export interface RestoreTarget {
  readonly disk: Disk
  readonly directory: string
}

/** A file that will not change, to be copied piece by piece: it may be larger than memory. */
export interface FileSource {
  readonly disk: Disk
  readonly path: string
  /** The name that it gets in a restore's target. */
  readonly as?: string
}

/** How far a restore is. */
export interface RestoreProgress {
  readonly task: string
  /** The checkpoint. */
  readonly id: number
  /** Bytes that are in the target, those of an earlier attempt among them. */
  readonly doneBytes: number
  /** Those of them that this attempt has loaded. */
  readonly loadedBytes: number
  readonly totalBytes: number
  /** Of this attempt, so far. */
  readonly bytesPerSecond: number
  /** At that rate, ms; null before the first bytes. */
  readonly remainingMs: number | null
}

export interface RestoreOptions {
  /** Files at a time (default 4). */
  readonly concurrency?: number
  /** Called after each piece of a few MiB. */
  readonly onProgress?: (progress: RestoreProgress) => void
}

/**
 * Durable checkpoints of tasks: where the state survives the loss of a machine, and where DECIDE happens for systems
 * without transactions (design/02). Implementations differ in where; all keep invariants C3 to C8.
 */
export interface CheckpointManager {
  /**
   * Takes a task over with an epoch one above the last. Every earlier owner is fenced when the promise settles.
   * Throws ERR_CHECKPOINT_FENCED if somebody else claimed at the same time, ERR_CHECKPOINT_TASK for a bad name.
   */
  claim(task: string): Promise<Claim>

  /**
   * Writes bytes, or a file piece by piece, under a name that no other owner can use. It means nothing until a checkpoint
   * lists it; it may be listed by any later checkpoint of the task.
   */
  writeFile(task: string, epoch: number, content: Uint8Array | FileSource): Promise<CheckpointFile>

  /**
   * DECIDE: makes the draft the task's newest checkpoint, atomically, if `expected` holds. When the promise settles it is
   * durable with all its files. Throws ERR_CHECKPOINT_FENCED if it does not hold (the caller must stop, and never retry),
   * ERR_CHECKPOINT_CORRUPT if a listed file is missing or has another size: then nothing has been
   * committed, unless the next owner's claim says so. After any other error the outcome is unknown: `list` tells. So it
   * does after ERR_CHECKPOINT_CONFLICT: an earlier call of the same owner, of unknown outcome, took effect meanwhile.
   */
  createCheckpoint(task: string, draft: CheckpointDraft, expected: Expected): Promise<Checkpoint>

  /**
   * Copies a checkpoint's files (the newest, without `id`) to the target, several at a time, checks every byte against
   * the checksums, and marks the target complete last. All or nothing: after an error, or a crash, the target is empty or
   * has no mark, and `restoredCheckpoint` says that there is no state. The next call for the same checkpoint goes on where
   * a crash or an error of the store ended this one. What an earlier restore has put there is removed.
   * Throws ERR_CHECKPOINT_NOT_FOUND, ERR_CHECKPOINT_CORRUPT, ERR_OPTION for a directory that holds other files.
   */
  restore(task: string, target: RestoreTarget, id?: number, options?: RestoreOptions): Promise<Checkpoint>

  /** Retained checkpoints, newest first. Throws ERR_CHECKPOINT_CORRUPT for one that is damaged, rather than hide it. */
  list(task: string): Promise<Checkpoint[]>

  /**
   * Deletes a checkpoint, and the files that no other checkpoint lists. Throws ERR_CHECKPOINT_IN_USE for the newest one,
   * ERR_CHECKPOINT_NOT_FOUND.
   */
  delete(task: string, id: number): Promise<void>

  /**
   * Applies a retention policy after a commit of the owner: deletes the checkpoints that it does not keep, and the files
   * that none of the others lists. Returns the ids deleted. Throws ERR_CHECKPOINT_FENCED for an owner that is none.
   */
  retire(task: string, epoch: number, policy?: RetentionPolicy): Promise<number[]>

  /**
   * Deletes what fenced owners left: files and records with an epoch strictly below `epoch`, written more than an hour
   * ago, that no checkpoint lists. Returns their names. Throws ERR_CHECKPOINT_FENCED for an owner that is none.
   */
  collectOrphans(task: string, epoch: number): Promise<string[]>
}
